package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

//go:generate go test . -write-api

// docs/api.md is a table of the whole service model: each member of each
// request and answer, each error, and the test of this package in which it
// really travelled. A cell without one must have a reason below. The tests
// record what they exercise (exercised_test.go), so a cell cannot name a test
// that does not do it.
const apiPage = "../docs/api.md"

var writeAPI = flag.Bool("write-api", false, "write "+apiPage+" from what the tests exercised")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 && ranAll() {
		if err := checkAPI(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// ranAll says whether no test was left out.
func ranAll() bool {
	for name, all := range map[string]string{"test.run": "", "test.skip": "", "test.list": "", "test.fuzz": ""} {
		if flag.Lookup(name).Value.String() != all {
			return false
		}
	}
	return true
}

// unreached is why a cell has no test. A cell that a test did reach must not
// be in here.
func unreached() map[cell]string {
	out := map[cell]string{}
	because := func(kind, name, reason string, operations ...string) {
		for _, o := range operations {
			out[cell{o, kind, name}] = reason
		}
	}
	because("out", "OwningService", "absent: no service of AWS owns a secret here", "DescribeSecret")
	because("out", "SecretList.OwningService", "absent: no service of AWS owns a secret here", "ListSecrets")
	because("error", "EncryptionFailure", "does not occur: the sealing key is in memory, and sealing with it does not fail", "CreateSecret", "PutSecretValue", "UpdateSecret")
	because("error", "LimitExceededException", "does not occur: the number of secrets has no limit", "CreateSecret")
	because("error", "MalformedPolicyDocumentException", "does not occur: the request has no policy", "CreateSecret", "UpdateSecret")
	because("error", "PreconditionNotMetException", "does not occur: nothing has to be set up before", "CreateSecret", "UpdateSecret")
	because("error", "ResourceNotFoundException", "does not occur: the request names nothing that must be there", "CreateSecret")
	because("error", "InvalidRequestException", "does not occur: no secret is in a state that forbids it", "GetRandomPassword", "ListSecrets", "RestoreSecret")
	because("error", "InvalidParameterException", "does not occur: a parameter that is wrong is a ValidationException",
		"DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds", "StopReplicationToReplica", "ValidateResourcePolicy")
	because("error", "ThrottlingException", "does not occur: nothing is throttled", every)
	because("error", "ExpiredTokenException", "does not occur: no temporary keys are issued", every)
	return out
}

type serviceModel struct {
	Operations map[string]struct {
		Input, Output struct{ Shape string }
		Errors        []struct{ Shape string }
	}
	Shapes map[string]struct {
		Type    string
		Members json.RawMessage
		Member  struct{ Shape string }
	}
}

// members lists the members of a shape at every depth, in the order of the
// model.
func (m serviceModel) members(shape, path string) (out []string) {
	s := m.Shapes[shape]
	switch s.Type {
	case "list":
		return m.members(s.Member.Shape, path)
	case "structure":
		d := json.NewDecoder(bytes.NewReader(s.Members))
		if _, err := d.Token(); err != nil {
			return nil // it has none
		}
		for d.More() {
			name, _ := d.Token()
			var target struct{ Shape string }
			if err := d.Decode(&target); err != nil {
				panic(err) // the model was read before
			}
			out = append(out, path+name.(string))
			out = append(out, m.members(target.Shape, path+name.(string)+".")...)
		}
	}
	return out
}

// cells are those of one operation.
func (m serviceModel) cells(operation string) (out []cell) {
	o := m.Operations[operation]
	for _, name := range m.members(o.Input.Shape, "") {
		out = append(out, cell{operation, "in", name})
	}
	for _, name := range m.members(o.Output.Shape, "") {
		out = append(out, cell{operation, "out", name})
	}
	var names []string
	for _, e := range o.Errors {
		names = append(names, e.Shape)
	}
	slices.Sort(names)
	for _, name := range append(names, "ValidationException", "SerializationException") {
		out = append(out, cell{operation, "error", name})
	}
	return out
}

func checkAPI() error {
	src, err := os.ReadFile("../wire/model/service-2.json")
	if err != nil {
		return err
	}
	var m serviceModel
	if err := json.Unmarshal(src, &m); err != nil {
		return err
	}
	page, err := m.page()
	if err != nil {
		return err
	}
	if *writeAPI {
		return os.WriteFile(apiPage, page, 0o644)
	}
	return compare(page)
}

// compare looks at the committed page. What it says of a cell must be true in
// this run; a test that did more than on the day when it was written is no
// reason to fail.
func compare(page []byte) error {
	committed, err := os.ReadFile(apiPage)
	if err != nil {
		return err
	}
	have, want := strings.Split(string(committed), "\n"), strings.Split(string(page), "\n")
	stale := errors.New(apiPage + " is out of date: run go generate ./server")
	if len(have) != len(want) {
		return stale
	}
	operation := ""
	for i := range want {
		if name, ok := strings.CutPrefix(want[i], "## "); ok {
			operation = name
		}
		if have[i] == want[i] {
			continue
		}
		kind, name, test, ok := readLine(have[i])
		kind2, name2, _, ok2 := readLine(want[i])
		if !ok || !ok2 || kind != kind2 || name != name2 || !exercised.tests[cell{operation, kind, name}][test] {
			return fmt.Errorf("%w\ncommitted: %s\nnow:       %s", stale, have[i], want[i])
		}
	}
	return nil
}

const lineFormat = "| %s | `%s` | `%s` |"

// readLine reads a line with a test.
func readLine(line string) (kind, name, test string, ok bool) {
	parts := strings.Split(line, "|")
	if len(parts) != 5 {
		return "", "", "", false
	}
	kind, name, test = strings.TrimSpace(parts[1]), strings.Trim(parts[2], " `"), strings.Trim(parts[3], " `")
	return kinds[kind], name, test, kinds[kind] != ""
}

var (
	kinds  = map[string]string{"request": "in", "answer": "out", "error": "error"}
	titles = map[string]string{"in": "request", "out": "answer", "error": "error"}
)

const pageHead = `<!-- Written by the tests of ./server (go generate ./server). Do not edit. -->

# The API

Every operation of AWS Secrets Manager's service model, with every member of
its request and answer and every error that the model lists for it, and the
test of package server in which it was sent or came back over HTTP. A member
counts when its request was answered with success, an error when it came out.
The tests record this while they run, so no line can name a test that does not
do it; where there is no test, the reason stands in its place. Names of tests
are as ` + "`go test -run`" + ` takes them.

The wording of each constraint is held by ` + "`TestEveryConstraintOfTheModelIsCheckedInTheWordsOfAWS`" + `
in package wire; the rules behind the operations by the vectors in
store/storetest/testdata.

`

func (m serviceModel) page() ([]byte, error) {
	var b bytes.Buffer
	var wrong []error
	reasons := unreached()
	b.WriteString(pageHead)
	for _, operation := range slices.Sorted(maps.Keys(m.Operations)) {
		fmt.Fprintf(&b, "## %s\n\n| | Name | Test |\n| --- | --- | --- |\n", operation)
		for _, c := range m.cells(operation) {
			if err := writeCell(&b, c, reasons); err != nil {
				wrong = append(wrong, err)
			}
			delete(reasons, c)
		}
		b.WriteString("\n")
	}
	b.WriteString(everyHead)
	for _, code := range rota.Codes() {
		c := cell{every, "error", wire.ErrorName(code)}
		if m.models(c.name) {
			continue
		}
		if err := writeCell(&b, c, reasons); err != nil {
			wrong = append(wrong, err)
		}
		delete(reasons, c)
	}
	for c := range reasons {
		wrong = append(wrong, fmt.Errorf("a reason is given for what the service model does not have: %v", c))
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n'), errors.Join(wrong...)
}

// every stands for all operations, in the table of the errors that the model
// does not list.
const every = "Every operation"

const everyHead = `## ` + every + `

What the service model does not list, because the framework in front of it
answers it.

| | Name | Test |
| --- | --- | --- |
`

// models says whether the service model lists an error.
func (m serviceModel) models(name string) bool {
	for _, o := range m.Operations {
		for _, e := range o.Errors {
			if e.Shape == name {
				return true
			}
		}
	}
	return false
}

func writeCell(b *bytes.Buffer, c cell, reasons map[cell]string) error {
	reason, excused := reasons[c]
	test := exercised.best(c)
	switch {
	case test == "" && !excused:
		return fmt.Errorf("%s: no test exercises the %s %s, and no reason says why", c.operation, titles[c.kind], c.name)
	case test != "" && excused:
		return fmt.Errorf("%s: %s exercises the %s %s, of which it is said: %s", c.operation, test, titles[c.kind], c.name, reason)
	case excused:
		fmt.Fprintf(b, "| %s | `%s` | %s |\n", titles[c.kind], c.name, reason)
	default:
		fmt.Fprintf(b, lineFormat+"\n", titles[c.kind], c.name, test)
	}
	return nil
}

// best is the test that is named for a cell: the operation's own if it has
// the cell, else the first by name.
func (c *coverage) best(k cell) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := slices.SortedFunc(maps.Keys(c.tests[k]), func(a, b string) int {
		own := func(s string) int {
			if strings.HasSuffix(s, "/"+k.operation) {
				return 0
			}
			return 1
		}
		return cmp.Or(own(a)-own(b), cmp.Compare(a, b))
	})
	if len(names) == 0 {
		return ""
	}
	return names[0]
}
