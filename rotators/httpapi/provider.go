package httpapi

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotahq/rota/internal/password"
	"github.com/rotahq/rota/rotation"
)

//go:embed providers/*.yaml
var embedded embed.FS

// Provider is one provider file, read and checked. It never changes.
type Provider struct {
	file         string
	name         string
	typ          string
	title        string
	docs         string
	kind         kind
	semantics    string
	dead         string
	cannotDetect string
	capacity     int
	propagation  rotation.Propagation
	lag          time.Duration
	fields       []rotation.Field // of the secret's value
	admin        []rotation.Field // of the admin secret's value
	settings     []setting
	address      addressRule
	identity     identityRule
	generate     *password.Rule // nil where the provider generates
	auth         map[string]*auth
	verbs        map[verb][]*step
	next         []member // the members of the next value that change
	found        foundRule
}

// kind is the kind of design, see rotation.Rotator.
type kind string

const (
	mints   kind = "mint"
	chooses kind = "choose"
	assigns kind = "assign"
)

// verb is one thing to do at a provider: a list of requests.
type verb string

const (
	verbTest   verb = "test"
	verbProof  verb = "proof"
	verbMint   verb = "mint"
	verbSet    verb = "set"
	verbEnd    verb = "end"
	verbList   verb = "list"
	verbRevoke verb = "revoke"
)

// verbsOf says which verbs a kind of provider has. All are required.
var verbsOf = map[kind][]verb{
	mints:   {verbTest, verbProof, verbMint, verbList, verbRevoke},
	chooses: {verbTest, verbProof, verbSet, verbEnd},
	assigns: {verbTest, verbProof, verbSet, verbEnd, verbList, verbRevoke},
}

type setting struct {
	rotation.Setting
	duration bool
	pattern  *regexp.Regexp
}

// addressRule says where the provider is.
type addressRule struct {
	base   template // of the admin secret's fields, or fixed
	suffix string   // added to the base when it does not end so
	same   string   // a field of the value which, where it is there, must name the same address
}

// identityRule says what of a value names the credential.
type identityRule struct {
	account   template // within the address; may be empty
	principal template
	id        template // may be empty
	secret    string   // the field that must not be known
	admin     template // the principal that the admin secret logs in as; may be empty
}

// auth signs requests.
type auth struct {
	bearer, user, password *template
	headers                []member
	login                  *step // picks what the others name as login.…
	admin                  bool  // signs with the admin secret
}

// step is one request of a verb.
type step struct {
	at       *node
	method   string
	path     template
	query    []member
	headers  []member
	json     *body
	form     []member
	auth     string
	answers  []answer
	pick     []pick
	rendered string // "GET /v3/users/{{admin.userId}}", for errors
}

// member is a named template, or a named tree of them in a JSON body.
type member struct {
	name  string
	value template
}

// body is a JSON body: a tree with templates for texts.
type body struct {
	leaf    *template
	literal any // number, bool, nil
	items   []body
	members []bodyMember
	shape   shape
}

type bodyMember struct {
	name  string
	value body
}

// answer gives a meaning to a status and, maybe, a body.
type answer struct {
	statuses []int
	body     []matcher
	means    meaning
	say      string // what to do next, for meanings that end something
}

type meaning string

const (
	accepted   meaning = "accepted"
	dead       meaning = "dead"       // never accepted again as it is
	refused    meaning = "refused"    // a clear no
	notYet     meaning = "not-yet"    // come back later
	gone       meaning = "gone"       // ended already
	duplicate  meaning = "duplicate"  // the name exists
	impossible meaning = "impossible" // no retry will mend it; say tells what will
)

// meaningsOf says which meanings an answer of a verb may have.
var meaningsOf = map[verb][]meaning{
	verbTest:   {accepted, dead, refused, notYet},
	verbProof:  {accepted},
	verbMint:   {accepted, refused, notYet, duplicate, impossible},
	verbSet:    {accepted, refused, notYet, duplicate, impossible},
	verbEnd:    {accepted, refused, notYet, gone, impossible},
	verbList:   {accepted, refused, notYet, impossible},
	verbRevoke: {accepted, refused, notYet, gone, impossible},
}

// matcher compares what stands at a path of a JSON body. All matchers of an
// answer must hold.
type matcher struct {
	path     []string
	equals   []template // any of these
	contains *template
	exists   *bool
}

// pick takes something out of an answer for later requests or the value.
type pick struct {
	name     string
	header   string
	path     []string
	keep     []string // members kept of an object, or of every object of a list
	optional bool
}

// foundRule reads the answer of list.
type foundRule struct {
	items    []string
	name     []string // equal to the name of the request
	id       []string
	metadata []pick
}

// markAddress marks the fields that say where the provider is: who changes
// them has credentials sent elsewhere.
func (p *Provider) markAddress() {
	for i, f := range p.admin {
		p.admin[i].Address = slices.ContainsFunc(p.address.base.parts, func(part part) bool { return part.scope == "admin" && part.name == f.Name })
	}
	for i, f := range p.fields {
		p.fields[i].Address = f.Name == p.address.same
	}
}

// Name is the rotator's name; its function is rota-<name>.
func (p *Provider) Name() string { return p.name }

// Descriptor is what the file says of the provider.
func (p *Provider) Descriptor() rotation.Descriptor {
	d := rotation.Descriptor{
		Name: p.name, Type: p.typ, Title: p.title, Docs: p.docs, Dead: p.dead, Semantics: p.semantics,
		Fields: slices.Clone(p.fields), Admin: slices.Clone(p.admin),
	}
	for _, s := range p.settings {
		d.Settings = append(d.Settings, s.Setting)
	}
	return d
}

func (p *Provider) setting(req rotation.Request, name string) string {
	if v := req.Settings[name]; v != "" {
		return v
	}
	for _, s := range p.settings {
		if s.Name == name {
			return s.Default
		}
	}
	return ""
}

// Embedded returns the providers that rota carries.
func Embedded() ([]*Provider, error) {
	sub, err := fs.Sub(embedded, "providers")
	if err != nil {
		return nil, err
	}
	return Load(sub)
}

// Load reads every *.yaml at the root of fsys, in the order of their names.
// It tells all problems of all files at once, as Problems.
func Load(fsys fs.FS) ([]*Provider, error) {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, err
	}
	var (
		out      []*Provider
		problems Problems
	)
	for _, file := range files {
		src, err := fs.ReadFile(fsys, file)
		if err != nil {
			problems = append(problems, Problem{File: file, Text: "cannot be read: " + err.Error()})
			continue
		}
		p, wrong := parse(file, src)
		problems = append(problems, wrong...)
		out = append(out, p)
	}
	// A name is its file's, so two files never share one; a type could.
	types := map[string]string{}
	for _, p := range out {
		if first, ok := types[p.typ]; ok && p.typ != "" {
			problems = append(problems, Problem{File: p.file, Text: fmt.Sprintf("type %s is taken by %s", p.typ, first)})
		}
		types[p.typ] = p.file
	}
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return out, nil
}

// parseDuration reads 90d besides Go's durations; it must be positive.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n <= 36500 {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d <= 0 {
		return 0, errors.New(`is not a duration such as "90d" or "36h"`)
	}
	return d, nil
}

// check makes the Check of a setting.
func (s setting) check(v string) error {
	if v == "" {
		return nil
	}
	if s.duration {
		_, err := parseDuration(v)
		return err
	}
	if s.pattern != nil && !s.pattern.MatchString(v) {
		return fmt.Errorf("does not match %s", s.pattern)
	}
	return nil
}

func nameOfFile(file string) string { return strings.TrimSuffix(path.Base(file), ".yaml") }
