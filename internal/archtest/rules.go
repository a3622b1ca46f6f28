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

// Rule says what the packages of one folder may import of this module, and
// which outside packages they must stay away from.
type Rule struct {
	Folder string   // "" for the root; a folder covers what is below it, unless that has a rule
	May    []string // folders of this module; its own folder is always allowed
	Not    []string // outside import paths, as prefixes
	Why    string
}

// Package is one node of the graph.
type Package struct {
	Path    string
	Imports []string // without those of tests
}

// Check returns a sentence for each arrow that points the wrong way, and for
// each package that no rule knows.
func Check(rules []Rule, packages []Package) (wrong []string) {
	for _, p := range packages {
		folder := relative(p.Path)
		r, ok := find(rules, folder)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s: no rule says what this package may import; add one to internal/archtest with its reason", p.Path))
			continue
		}
		for _, imp := range p.Imports {
			if inside := relative(imp); inside != imp {
				target, _ := find(rules, inside)
				if target.Folder != r.Folder && !slices.Contains(r.May, target.Folder) {
					wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", p.Path, imp, r.Why))
				}
				continue
			}
			for _, n := range r.Not {
				if imp == n || strings.HasPrefix(imp, n+"/") || (n == outside && strings.Contains(firstElement(imp), ".")) {
					wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", p.Path, imp, r.Why))
				}
			}
		}
	}
	return wrong
}

// outside stands for everything that is neither this module nor the standard
// library.
const outside = "(outside the standard library)"

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

func firstElement(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

const (
	netHTTP     = "net/http"
	databaseSQL = "database/sql"
)

// Rules are the house's.
var Rules = []Rule{
	{
		Folder: "", Not: []string{outside, netHTTP, databaseSQL},
		Why: "package rota is the vocabulary: the standard library only, no input or output",
	},
	{
		Folder: "schedule", May: []string{""}, Not: []string{netHTTP, databaseSQL},
		Why: "the schedule grammar is pure functions",
	},
	{
		Folder: "seal", May: []string{""}, Not: []string{netHTTP, databaseSQL},
		Why: "sealing knows values and keys, nothing of where they are kept",
	},
	{
		Folder: "store", May: []string{"", "schedule", "seal", "internal/password"}, Not: []string{netHTTP, databaseSQL, "modernc.org"},
		Why: "the store's rules are the same on every database and for every protocol: no HTTP, no SQL, nobody above it",
	},
	{
		Folder: "store/internal/sqltx", May: []string{"", "store"}, Not: []string{netHTTP, "modernc.org", "github.com/jackc"},
		Why: "the rows in SQL are shared by the drivers and know none of them",
	},
	{
		Folder: "store/sqlite", May: []string{"", "store", "store/internal/sqltx"}, Not: []string{netHTTP},
		Why: "a driver keeps rows; it knows the store's rows and its database",
	},
	{
		Folder: "store/storetest", May: []string{"", "store", "seal", "schedule"}, Not: []string{netHTTP},
		Why: "the conformance suite is for every driver and knows none of them",
	},
	{
		Folder: "rotation", May: []string{""}, Not: []string{netHTTP, databaseSQL, outside},
		Why: "the handler runs in both homes: it sees secrets only through the operations of a rotation function",
	},
	{
		Folder: "rotation/rotationtest", May: []string{"", "rotation"}, Not: []string{netHTTP, databaseSQL},
		Why: "the instrument for rotators knows rotators, not a home",
	},
	{
		Folder: "function", May: []string{"", "rotation", "store"}, Not: []string{databaseSQL},
		Why: "invoking joins the handler and the store's handle; rotators come in by the catalog",
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
		Why: "a rotator knows its provider and nothing of labels, versions or schedules",
	},
	{
		Folder: "rotators/httpapi", May: []string{"", "rotation", "internal/password"}, Not: []string{databaseSQL},
		Why: "a rotator knows its provider and nothing of labels, versions or schedules",
	},
	{
		Folder: "wire", May: []string{""}, Not: []string{databaseSQL, outside},
		Why: "the wire is AWS's protocol as pure code: no SQL, no store, no AWS SDK",
	},
	{
		Folder: "server", May: []string{"", "engine", "store", "wire", "function"}, Not: []string{databaseSQL, "modernc.org"},
		Why: "the server joins the wire with the store and knows no SQL",
	},
	{
		Folder: "internal/password", Not: []string{outside, netHTTP, databaseSQL},
		Why: "making passwords is pure",
	},
	{
		Folder: "internal/testserver",
		Why:    "real servers for tests know nothing of rota",
	},
	{
		Folder: "internal/e2e",
		Why:    "tests drive the program from outside; the folder has no code of its own",
	},
	{
		Folder: "internal/archtest", Not: []string{outside},
		Why: "the test of the graph is no part of it",
	},
	{
		Folder: "cmd/rota",
		May: []string{
			"", "engine", "function", "rotation", "rotators", "rotators/httpapi", "rotators/postgres", "schedule", "seal",
			"server", "store", "store/sqlite", "wire", "cmd/rota",
		},
		Why: "only cmd/rota joins, and test instruments are not part of the program",
	},
}
