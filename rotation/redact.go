package rotation

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rotahq/rota"
)

// hider removes secret parts from error texts. Rotators do not put them
// there; this is the layer that nobody can forget.
type hider struct {
	secretFields map[string]bool
	parts        []string
	environment  bool // what is added now are variables of an environment
}

// shortest is the shortest text worth removing; removing less would make
// errors unreadable and hide nothing.
const shortest = 4

func (h *hider) fields(d Descriptor) {
	h.secretFields = map[string]bool{}
	for _, f := range d.Fields {
		if f.Secret {
			h.secretFields[f.Name] = true
		}
	}
}

func (h *hider) add(values ...rota.Value) {
	for _, v := range values {
		if v.IsZero() {
			continue
		}
		b := v.Reveal()
		h.part(string(b))
		var doc any
		if json.Unmarshal(b, &doc) == nil {
			h.member("", doc)
		}
	}
}

// member adds what is secret in a JSON value that stands under a name.
func (h *hider) member(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for inner, f := range v {
			if h.secret(name) && !h.secret(inner) {
				inner = name // all that stands below a secret name
			}
			h.member(inner, f)
		}
	case []any:
		for _, f := range v {
			h.member(name, f)
		}
	case string:
		if h.secretFields[name] || looksSecret(name) && !(h.environment && refers(name, v)) {
			h.part(v)
		}
	case float64:
		if h.secret(name) {
			h.part(strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
}

func (h *hider) secret(field string) bool { return h.secretFields[field] || looksSecret(field) }

func looksSecret(field string) bool {
	f := strings.ToLower(field)
	for _, word := range []string{"pass", "pwd", "secret", "token", "key", "credential"} {
		if strings.Contains(f, word) {
			return true
		}
	}
	return false
}

// refers reports whether a variable of an environment, by its name and by what
// it holds, says which secret is meant and is none itself, as ADMIN_SECRET_ID
// does: without those names nobody could read why something failed. An id that
// is a UUID stays a secret, as that of a Vault AppRole is one, and so does an
// address with a password, a path or a query, as that of a webhook is one.
func refers(name, value string) bool {
	switch end := name[strings.LastIndexByte(name, '_')+1:]; {
	case strings.HasPrefix(name, "ROTA_ALLOW_"):
		return true
	case end == "ID", end == "NAME", end == "ARN":
		return !uuid.MatchString(value)
	case end == "URL":
		u, err := url.Parse(value)
		return err == nil && u.User == nil && u.RawQuery == "" && strings.Trim(u.Path, "/") == ""
	}
	return false
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// part adds a text and the forms that it takes in messages: quoted by %q,
// as JSON, in an address, and as the base64 of an authorization header.
func (h *hider) part(s string) {
	if len(s) < shortest {
		return
	}
	forms := []string{
		s, inside(strconv.Quote(s)), url.QueryEscape(s), url.PathEscape(s),
		base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
	}
	if j, err := json.Marshal(s); err == nil {
		forms = append(forms, inside(string(j)))
	}
	for _, f := range forms {
		if !slices.Contains(h.parts, f) {
			h.parts = append(h.parts, f)
		}
	}
}

func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

// text removes the longest parts first: one that is the beginning of another
// would leave the other's end.
func (h *hider) text(s string) string {
	parts := slices.Clone(h.parts)
	slices.SortStableFunc(parts, func(a, b string) int { return len(b) - len(a) })
	for _, p := range parts {
		s = strings.ReplaceAll(s, p, "[secret]")
	}
	return s
}

// clean keeps the error for errors.Is and hides its text.
func (j *job) clean(err error) error {
	if err == nil {
		return nil
	}
	if text := j.hide.text(err.Error()); text != err.Error() {
		return &cleaned{text, err}
	}
	return err
}

type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.err }
