package rotation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// Settings are the resolved settings of one secret, by kebab-case name.
type Settings map[string]string

// The settings that every rotator has.
const (
	SettingRotator  = "rotator"
	SettingStrategy = "strategy"
	SettingExpire   = "expire"
	SettingAdmin    = "admin"
)

// TagPrefix begins the tags that carry settings; TagServes is the one that
// an admin secret carries.
const (
	TagPrefix = "rota:"
	TagServes = TagPrefix + "serves"
)

// The strategies.
const (
	SingleUser       = "single-user"
	AlternatingUsers = "alternating-users"
)

// functionPrefix begins the name of the function that a rotator is.
const functionPrefix = "rota-"

// Selected is which rotator a secret has, and how it is set.
type Selected struct {
	Rotator  Rotator
	Settings Settings
	From     map[string]string // where each setting comes from, in words
	Policy   Policy
	Admin    string // id of the admin secret: ARN or name; "" for none
}

// Problems is every reason why a secret cannot be rotated as it stands.
type Problems []string

func (p Problems) Error() string { return strings.Join(p, "; ") }

// ProblemsOf makes one error of those that are not nil, in one line, nil of
// none. What errors.Join put into one is taken apart.
func ProblemsOf(errs ...error) error {
	var all Problems
	for _, err := range errs {
		if err != nil {
			all = append(all, strings.Split(err.Error(), "\n")...)
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// Select finds the rotator and the settings of a secret. A setting comes
// from the external rotation metadata (camelCase), else the tag
// rota:<kebab-case>, else the environment (ROTA_<UPPER_SNAKE>), else its
// default. The rotator is also named by the function (rota-<rotator>) or by
// the secret's Type; all that name one must agree. The error is a Problems.
func Select(c Catalog, s rota.Secret, current rota.Value, env func(string) string) (Selected, error) {
	sel := Selected{Settings: Settings{}, From: map[string]string{}}
	var problems Problems
	look := lookup{s, env}

	name, where, err := rotatorName(c, s, look)
	if err != nil {
		return sel, Problems{err.Error()}
	}
	r, ok := c.ByName(name)
	if !ok {
		return sel, Problems{fmt.Sprintf("there is no rotator %q; rota has %s", name, strings.Join(c.names(), ", "))}
	}
	sel.Rotator = r
	sel.set(SettingRotator, name, where)
	d := r.Descriptor()
	problems = append(problems, unknownKeys(s, d)...)

	sel.Policy = DefaultPolicy()
	text, where := look.get(SettingExpire)
	if text == "" {
		where = byDefault
	} else if sel.Policy, err = ParsePolicy(text); err != nil {
		problems = append(problems, where+": "+err.Error())
	}
	sel.set(SettingExpire, sel.Policy.String(), where)

	if sel.Admin, where = look.own(SettingAdmin); sel.Admin == "" {
		sel.Admin, where = stringField(current, "masterarn"), "the field masterarn"
	}
	if sel.Admin == "" {
		sel.Admin, where = look.get(SettingAdmin)
	}
	if sel.Admin != "" {
		sel.set(SettingAdmin, sel.Admin, where)
	}

	strategy, where := look.get(SettingStrategy)
	switch {
	case strategy == "" && sel.Admin != "":
		strategy, where = AlternatingUsers, "there is an admin secret"
	case strategy == "":
		strategy, where = SingleUser, byDefault
	case strategy != SingleUser && strategy != AlternatingUsers:
		problems = append(problems, fmt.Sprintf("%s: %q is no strategy; use %s or %s", where, strategy, SingleUser, AlternatingUsers))
	}
	sel.set(SettingStrategy, strategy, where)

	for _, set := range d.Settings {
		text, where := look.get(set.Name)
		if text == "" {
			text, where = set.Default, byDefault
		}
		if set.Check != nil && text != "" {
			if err := set.Check(text); err != nil {
				problems = append(problems, where+": "+err.Error())
			}
		}
		if text != "" {
			sel.set(set.Name, text, where)
		}
	}
	if len(problems) > 0 {
		return sel, problems
	}
	return sel, nil
}

// byDefault is where a setting comes from that nobody made.
const byDefault = "default"

func (sel *Selected) set(name, text, where string) {
	sel.Settings[name], sel.From[name] = text, where
}

// rotatorName is the one rotator that everything names, and what names it.
func rotatorName(c Catalog, s rota.Secret, look lookup) (name, where string, err error) {
	type naming struct{ name, where string }
	var named []naming
	if fn := FunctionName(s.Rotation.Function); fn != "" {
		if name, ours := strings.CutPrefix(fn, functionPrefix); ours {
			if _, known := c.ByName(name); known {
				named = append(named, naming{name, "the function " + fn})
			}
		}
	}
	if name, where := look.get(SettingRotator); name != "" {
		named = append(named, naming{name, where})
	}
	if r, ok := c.ByType(s.Type); ok {
		named = append(named, naming{r.Descriptor().Name, "the type " + s.Type})
	}
	if len(named) == 0 {
		if s.Type != "" {
			return "", "", fmt.Errorf("rota has no provider file for the type %q: name a rotation function, or a rotator with the tag rota:rotator", s.Type)
		}
		return "", "", fmt.Errorf("no rotator is named: use the function arn:aws:lambda:%s:%s:function:rota-<rotator> or the tag rota:rotator (rota has %s)",
			s.Region, s.Account, strings.Join(c.names(), ", "))
	}
	for _, n := range named[1:] {
		if n.name != named[0].name {
			return "", "", fmt.Errorf("%s names the rotator %q and %s names %q: make them agree", named[0].where, named[0].name, n.where, n.name)
		}
	}
	return named[0].name, named[0].where, nil
}

// lookup finds a setting in its three places.
type lookup struct {
	secret rota.Secret
	env    func(string) string
}

// get finds what the secret says, else what the environment says.
func (l lookup) get(name string) (text, where string) {
	if text, where = l.own(name); where != "" || l.env == nil {
		return text, where
	}
	key := "ROTA_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	return l.env(key), "environment " + key
}

// own finds what the secret itself says.
func (l lookup) own(name string) (text, where string) {
	key := metadataKey(name)
	for _, m := range l.secret.Rotation.Metadata {
		if m.Key == key {
			return m.Value, "metadata " + key
		}
	}
	if v, ok := l.secret.Tag(TagPrefix + name); ok {
		return v, "tag " + TagPrefix + name
	}
	return "", ""
}

// metadataKey is the camelCase of a setting's name; the admin secret has the
// name that AWS's managed external secrets use for it.
func metadataKey(name string) string {
	if name == SettingAdmin {
		return "adminSecretArn"
	}
	words := strings.Split(name, "-")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

var commonSettings = []string{SettingRotator, SettingStrategy, SettingExpire, SettingAdmin}

// unknownKeys reports metadata and rota: tags that this rotator does not
// know.
func unknownKeys(s rota.Secret, d Descriptor) (problems Problems) {
	names := slices.Clone(commonSettings)
	for _, set := range d.Settings {
		names = append(names, set.Name)
	}
	known := func(text string, key func(string) string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return key(n) == text })
	}
	for _, m := range s.Rotation.Metadata {
		if !known(m.Key, metadataKey) {
			problems = append(problems, fmt.Sprintf("metadata %s is no setting of the rotator %s", m.Key, d.Name))
		}
	}
	for _, t := range s.Tags {
		name, ours := strings.CutPrefix(t.Key, TagPrefix)
		if ours && t.Key != TagServes && !known(name, func(n string) string { return n }) {
			problems = append(problems, fmt.Sprintf("tag %s is no setting of the rotator %s", t.Key, d.Name))
		}
	}
	return problems
}

// CheckTag refuses a rota: tag that no rotator of the catalog knows, or that
// could never be used.
func CheckTag(c Catalog, key, value string) error {
	name, ours := strings.CutPrefix(key, TagPrefix)
	switch {
	case !ours || key == TagServes || name == SettingAdmin:
		return nil
	case name == SettingRotator:
		if _, ok := c.ByName(value); !ok {
			return fmt.Errorf("tag %s: there is no rotator %q; rota has %s", key, value, strings.Join(c.names(), ", "))
		}
		return nil
	case name == SettingStrategy:
		if value != SingleUser && value != AlternatingUsers {
			return fmt.Errorf("tag %s: %q is no strategy; use %s or %s", key, value, SingleUser, AlternatingUsers)
		}
		return nil
	case name == SettingExpire:
		if _, err := ParsePolicy(value); err != nil {
			return fmt.Errorf("tag %s: %w", key, err)
		}
		return nil
	}
	var known []string
	var refused error
	for _, r := range c.rotators {
		for _, set := range r.Descriptor().Settings {
			known = append(known, TagPrefix+set.Name)
			if set.Name != name {
				continue
			}
			if set.Check == nil || value == "" {
				return nil
			}
			if refused = set.Check(value); refused == nil {
				return nil // one rotator could use it
			}
		}
	}
	if refused != nil {
		return fmt.Errorf("tag %s: %w", key, refused)
	}
	for _, n := range commonSettings {
		known = append(known, TagPrefix+n)
	}
	slices.Sort(known)
	return fmt.Errorf("rota knows no tag %s; it knows %s", key, strings.Join(append(slices.Compact(known), TagServes), ", "))
}

// FunctionName is the name in a Lambda function ARN
// (arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]), "" if
// the text is none.
func FunctionName(arn string) string {
	p := strings.Split(arn, ":")
	if (len(p) != 7 && len(p) != 8) || p[0] != "arn" || p[2] != "lambda" || p[5] != "function" {
		return ""
	}
	return p[6]
}

// stringField reads one string member of a JSON value, "" if there is none.
func stringField(v rota.Value, name string) string {
	var fields map[string]json.RawMessage
	if v.Kind() != rota.KindString || json.Unmarshal(v.Reveal(), &fields) != nil {
		return ""
	}
	var s string
	if json.Unmarshal(fields[name], &s) != nil {
		return ""
	}
	return s
}
