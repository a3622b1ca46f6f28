// Package archtest reads the import graph and says which arrow points the
// wrong way, and why. It is a room of tests: nothing imports it.
package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the module whose graph is checked.
const Module = "github.com/rotahq/rota"

// Rule says what the packages of one folder may import, and who may import
// them. The standard library may be, but for Not.
type Rule struct {
	Folder  string   // "" for the root; a folder covers what is below it, unless that has a rule
	May     []string // folders of this module; its own folder is always allowed
	Outside []string // other modules, or anything
	Not     []string // what of the standard library must stay away
	Why     string
	Closed  string // why only tests may import it; "" if others may
}

// Package is one node of the graph, without the tests that need servers.
type Package struct {
	Path    string
	Imports []string
	Tests   []string // what only its tests import
}

// Check returns a sentence for each arrow that points the wrong way, and for
// each package that no rule knows.
func Check(rules []Rule, packages []Package) (wrong []string) {
	for _, p := range packages {
		r, ok := find(rules, relative(p.Path))
		if !ok {
			wrong = append(wrong, p.Path+": no rule says what this package may import; add a rule for it to internal/archtest, with its reason")
			continue
		}
		for _, imp := range p.Imports {
			if why := refused(rules, r, imp); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", p.Path, imp, why))
			}
		}
		if slices.Contains(p.Tests, Module+"/"+testServers) && r.Folder != testServers {
			wrong = append(wrong, fmt.Sprintf("a test of %s imports %s without the build tag servers: the tests that run by default need no server", p.Path, testServers))
		}
	}
	return wrong
}

// refused is the reason why a folder may not import something, or "".
func refused(rules []Rule, r Rule, imp string) string {
	inside := relative(imp)
	switch {
	case inside != imp:
		target, _ := find(rules, inside)
		switch {
		case target.Folder == r.Folder:
			return ""
		case target.Closed != "":
			return target.Closed
		case !slices.Contains(r.May, target.Folder):
			return r.Why
		}
	case outside(imp):
		if !slices.Contains(r.Outside, anything) && !slices.ContainsFunc(r.Outside, func(m string) bool { return under(imp, m) }) {
			return r.Why
		}
	case slices.ContainsFunc(r.Not, func(n string) bool { return under(imp, n) }):
		return r.Why
	}
	return ""
}

// outside tells other modules from the standard library, whose first elements
// have no dot.
func outside(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return strings.Contains(first, ".")
}

// under tells whether a path is at or below another.
func under(path, above string) bool {
	return path == above || strings.HasPrefix(path, above+"/")
}

// relative is the folder of a package of this module, and any other path as
// it is.
func relative(path string) string {
	if path == Module {
		return ""
	}
	return strings.TrimPrefix(path, Module+"/")
}

// find returns the rule of the nearest folder.
func find(rules []Rule, folder string) (Rule, bool) {
	for {
		for _, r := range rules {
			if r.Folder == folder {
				return r, true
			}
		}
		i := strings.LastIndexByte(folder, '/')
		if i < 0 {
			return Rule{}, false
		}
		folder = folder[:i]
	}
}

const (
	anything    = "anything"
	netHTTP     = "net/http"
	databaseSQL = "database/sql"
	testServers = "internal/testserver"

	instrument = "an instrument of tests is no part of the program: only _test.go files import it"
)

// Rules are the house's.
var Rules = []Rule{
	{
		Folder: "", Not: []string{netHTTP, databaseSQL},
		Why: "package rota is the vocabulary: the standard library only, no input or output",
	},
	{
		Folder: "schedule", May: []string{""}, Not: []string{netHTTP, databaseSQL},
		Outside: []string{"github.com/hashicorp/cronexpr"},
		Why:     "the schedule grammar is pure functions",
	},
	{
		Folder: "seal", May: []string{""}, Not: []string{netHTTP, databaseSQL},
		Outside: []string{"github.com/tink-crypto/tink-go/v2"},
		Why:     "sealing knows values and keys, nothing of where they are kept",
	},
	{
		Folder: "store", May: []string{"", "schedule", "seal", "internal/password"}, Not: []string{netHTTP, databaseSQL},
		Why: "the store's rules are the same on every database and for every protocol: no HTTP, no SQL, nobody above it",
	},
	{
		Folder: "store/internal/sqltx", May: []string{"", "store"}, Not: []string{netHTTP},
		Why: "the rows in SQL are shared by the drivers and know none of them",
	},
	{
		Folder: "store/sqlite", May: []string{"", "store", "store/internal/sqltx"}, Not: []string{netHTTP},
		Outside: []string{"modernc.org/sqlite", "github.com/pressly/goose/v3"},
		Why:     "a driver keeps rows; it knows the store's rows and its database",
	},
	{
		Folder: "store/storetest", May: []string{"", "store", "seal", "schedule"}, Not: []string{netHTTP},
		Outside: []string{"github.com/goccy/go-yaml", "github.com/google/go-cmp"},
		Why:     "the conformance suite is for every driver and knows none of them",
		Closed:  instrument,
	},
	{
		Folder: "rotation", May: []string{""}, Not: []string{netHTTP, databaseSQL},
		Why: "the handler runs in both homes: it sees secrets only through the operations of a rotation function",
	},
	{
		Folder: "rotation/rotationtest", May: []string{"", "rotation"}, Not: []string{netHTTP, databaseSQL},
		Why:    "the instrument for rotators knows rotators, not a home",
		Closed: instrument,
	},
	{
		Folder: "function", May: []string{"", "function/invoke", "function/local", "function/remote", "rotation", "store"}, Not: []string{databaseSQL},
		Why: "invoking joins the handler and the store's handle; rotators come in by the catalog",
	},
	{
		Folder: "function/invoke", Not: []string{netHTTP, databaseSQL},
		Why: "what all ways to invoke have in common is plain words and limits",
	},
	{
		Folder: "function/local", May: []string{"function/invoke"}, Not: []string{databaseSQL},
		Why: "a process of a function is run without knowing what it rotates: no store, no rotation",
	},
	{
		Folder: "function/remote", May: []string{"", "function/invoke", "rotation"}, Not: []string{databaseSQL},
		Outside: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		Why:     "a function elsewhere is invoked by the AWS SDK, without knowing what it rotates",
	},
	{
		Folder: "function/lambda", May: []string{"", "rotation"}, Not: []string{netHTTP, databaseSQL},
		Outside: []string{"github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		Why:     "on AWS the handler sees secrets through the real API: no store, no server, no rotator by name",
	},
	{
		Folder: "function/conformance", Not: []string{databaseSQL},
		May:     []string{"", "function/invoke", "function/lambda", "function/local", "function/remote", "rotation", "seal", "server", "store", "store/sqlite", "wire"},
		Outside: []string{"github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2"},
		Why:     "the kit plays the service with a real store behind a real server, and knows no engine, no rotator and no provider; a rotator that it is given runs in rota's own function on AWS",
	},
	{
		Folder: "function/conformance/keyprovider", May: []string{"", "function/conformance"}, Not: []string{databaseSQL},
		Why: "the provider to try functions with is an outside API: nothing of rota's insides",
	},
	{
		Folder: "function/scaffold", Not: []string{netHTTP, databaseSQL},
		Why: "writing files of templates needs nothing of the program",
	},
	{
		Folder: "function/scaffold/templates", May: []string{"", "function/lambda", "rotation"}, Outside: []string{"github.com/aws/aws-lambda-go"},
		Why:    "what a reader is given uses rota's public packages only",
		Closed: "a template is copied, not imported",
	},
	{
		Folder: "engine", May: []string{"", "function", "rotation", "store", "schedule"}, Not: []string{netHTTP, databaseSQL},
		Why: "the engine owns time and knows nothing of providers, protocols or databases",
	},
	{
		Folder: "rotators", May: []string{"", "rotation", "rotators/postgres", "rotators/httpapi"}, Not: []string{databaseSQL},
		Why: "the catalog lists rotators and does nothing else",
	},
	{
		Folder: "rotators/postgres", May: []string{"", "rotation", "internal/password"}, Not: []string{netHTTP, databaseSQL},
		Outside: []string{"github.com/jackc/pgx/v5", "golang.org/x/text"},
		Why:     "a rotator knows its provider and nothing of labels, versions or schedules",
	},
	{
		Folder: "rotators/httpapi", May: []string{"", "rotation", "internal/password"}, Not: []string{databaseSQL},
		Outside: []string{"github.com/goccy/go-yaml", "code.dny.dev/ssrf"},
		Why:     "a rotator knows its provider and nothing of labels, versions or schedules",
	},
	{
		Folder: "wire", May: []string{""}, Not: []string{databaseSQL},
		Why: "the wire is AWS's protocol as pure code: no SQL, no store, no AWS SDK",
	},
	{
		Folder: "access/policy", May: []string{""}, Not: []string{netHTTP, databaseSQL},
		Why: "policies are read and evaluated as pure code: no store, no protocol",
	},
	{
		Folder: "access/audit", Not: []string{netHTTP, databaseSQL},
		Why: "the audit log is files and shapes: no value type, no store, no protocol",
	},
	{
		Folder: "access/trail", May: []string{"", "access/audit", "store"}, Not: []string{netHTTP, databaseSQL},
		Why: "the trail brings what the store has to tell to the logs, and knows no protocol",
	},
	{
		Folder: "access/session", May: []string{"", "access/policy", "store"}, Not: []string{netHTTP, databaseSQL},
		Why: "who calls is known by the store's rows and the policies' rules: no protocol, no SQL",
	},
	{
		Folder: "server", May: []string{"", "access/audit", "access/policy", "access/session", "engine", "store", "wire", "function", "function/invoke"}, Not: []string{databaseSQL},
		Why: "the server joins the wire with the store and knows no SQL",
	},
	{
		Folder: "internal/password", Not: []string{netHTTP, databaseSQL},
		Why: "making passwords is pure",
	},
	{
		Folder: "internal/testlog", Not: []string{netHTTP, databaseSQL},
		Why:    "what a program says is kept without knowing what it is",
		Closed: instrument,
	},
	{
		Folder: "internal/testdb", May: []string{"store/sqlite"}, Not: []string{netHTTP, databaseSQL},
		Why:    "a database for tests is the driver's, and knows nothing of who tests",
		Closed: instrument,
	},
	{
		Folder:  testServers,
		Outside: []string{"github.com/jackc/pgx/v5", "modernc.org/sqlite"},
		Why:     "real servers for tests know nothing of rota",
		Closed:  instrument,
	},
	{
		Folder: "deploy",
		Why:    "templates, the tests that read them and what packs a zip: nothing of the program",
	},
	{
		Folder: "examples", Outside: []string{anything},
		Why: "an example is what a reader copies: nothing of rota's insides",
	},
	{
		Folder: "internal/clients",
		Why:    "AWS's clients drive the program from outside; the folder has no code of its own",
	},
	{
		Folder: "internal/e2e",
		Why:    "tests drive the program from outside; the folder has no code of its own",
	},
	{
		Folder: "internal/archtest",
		Why:    "the test of the graph is no part of it",
		Closed: instrument,
	},
	{
		Folder: "cmd/rota",
		May: []string{
			"", "access/audit", "access/session", "access/trail", "engine", "function", "function/conformance", "function/conformance/keyprovider", "function/invoke", "function/lambda", "function/local", "function/remote", "function/scaffold", "rotation", "rotators", "rotators/httpapi", "rotators/postgres", "schedule", "seal",
			"server", "store", "store/sqlite", "wire",
		},
		Outside: []string{anything},
		Why:     "only cmd/rota joins, and it joins what has a rule",
		Closed:  "nobody imports the program",
	},
}
