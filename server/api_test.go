package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

//go:generate go test . -write-api

// docs/api.md is a table of the whole service model: each member of each
// request and answer, each error, and the test of this package in which it
// really travelled. A cell without one must have a reason below. The tests
// record what they exercise (exercised_test.go), so a cell cannot name a test
// in which it never travelled; that the test also looks at it is said by hand,
// in about.
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
	return out
}

// about says which tests look at cells besides that of the operation's own
// name; all others only pass them by. An empty operation is any, and a name
// stands for what is below it.
func about() map[cell][]string {
	out := map[cell][]string{}
	looks := func(test, operation, kind string, names ...string) {
		for _, name := range names {
			k := cell{operation, kind, name}
			out[k] = append(out[k], test)
		}
	}
	looks("TestABodyThatCannotBeReadIsRefusedByEveryOperation", "", "error", "SerializationException")
	looks("TestAConstraintThatIsBrokenIsToldByEveryOperation", "", "error", "ValidationException")
	looks("TestAServerWhoseDatabaseIsGoneSaysNoMoreThanThat", "", "error", "InternalServiceError")
	looks("TestWhatNamesNoSecretIsNotFound", "", "error", "ResourceNotFoundException")
	looks("TestASecretThatIsMarkedForDeletionTakesNothing", "", "error", "InvalidRequestException")
	looks("TestParametersThatContradictEachOtherAreRefused", "", "error", "InvalidParameterException", "InvalidNextTokenException", "MalformedPolicyDocumentException")
	looks("TestAReplicaIsReadOnly", "", "error", "InvalidParameterException")
	looks("TestAValueThatDoesNotOpenIsADecryptionFailure", "", "error", "DecryptionFailure")
	looks("TestQuotasAreKept", "", "error", "LimitExceededException")
	looks("TestWhatIsInUseIsNotUsedAgain", "", "error", "ResourceExistsException")

	looks("TestWhoMaySeeANameIsToldThatNothingHasIt", every, "error", "AccessDeniedException")
	looks("TestTheBodyHasALimit", every, "error", "RequestEntityTooLargeException")
	looks("TestTemporaryCredentialsEndWhenTheyExpire", every, "error", "ExpiredTokenException")
	looks("TestRequestsThatAreNotSignedAsTheyMustBeChangeNothing", every, "error",
		"UnknownOperationException", "InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException")

	for _, member := range []string{
		"Type", "KmsKeyId", "RotationEnabled", "RotationLambdaARN", "RotationRules", "ExternalSecretRotationMetadata",
		"ExternalSecretRotationRoleArn", "LastRotatedDate", "LastAccessedDate", "NextRotationDate", "PrimaryRegion",
	} {
		looks("TestAListTellsOfASecretWhatItsDescriptionTells", "DescribeSecret", "out", member)
		looks("TestAListTellsOfASecretWhatItsDescriptionTells", "ListSecrets", "out", "SecretList."+member)
	}
	looks("TestAScheduledSecretIsDescribedAndListedWithItsDate", "DescribeSecret", "out", "DeletedDate")
	looks("TestAScheduledSecretIsDescribedAndListedWithItsDate", "ListSecrets", "out", "SecretList.DeletedDate")
	looks("TestVersionsAreListedPageByPage", "ListSecretVersionIds", "in", "MaxResults", "NextToken")
	looks("TestVersionsAreListedPageByPage", "ListSecretVersionIds", "out", "NextToken")
	looks("TestABatchGoesOnWhereItStopped", "BatchGetSecretValue", "in", "NextToken")
	looks("TestABatchGoesOnWhereItStopped", "BatchGetSecretValue", "out", "NextToken", "SecretValues.SecretBinary")
	looks("TestUpdateSecretStoresABinaryAndAType", "UpdateSecret", "in", "SecretBinary", "Type")
	looks("TestTheTokenOfTheRunningRotationIsAcceptedAndNoOther", "PutSecretValue", "in", "RotationToken")
	looks("TestASecretIsMadeWithItsReplicasAndSaysSoAgain", "CreateSecret", "in", "AddReplicaRegions", "ForceOverwriteReplicaSecret")
	looks("TestASecretIsMadeWithItsReplicasAndSaysSoAgain", "CreateSecret", "out", "ReplicationStatus")
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

// compare looks at the committed page.
func compare(page []byte) error {
	committed, err := os.ReadFile(apiPage)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(string(committed), string(page)); diff != "" {
		return fmt.Errorf("%s is out of date: run go generate ./server (-committed +now):\n%s", apiPage, diff)
	}
	return nil
}

var titles = map[string]string{"in": "request", "out": "answer", "error": "error"}

const pageHead = `<!-- Written by the tests of ./server (go generate ./server). Do not edit. -->

# The API

Every operation of AWS Secrets Manager's service model, with every member of
its request and answer and every error that the model lists for it, and the
test of package server in which it was sent or came back over HTTP. A member
counts when its request was answered with success, an error when it came out.
The tests record this while they run, so no line can name a test in which it
did not happen, and a test is named only if it has the name of the operation or
is known to be about what the line says; where there is no test, the reason
stands in its place. Names of tests are as ` + "`go test -run`" + ` takes them.

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
	test, passed := exercised.best(c), exercised.passedBy(c)
	switch {
	case passed != "" && excused:
		return fmt.Errorf("%s: %s exercises the %s %s, of which it is said: %s", c.operation, passed, titles[c.kind], c.name, reason)
	case test == "" && !excused:
		return fmt.Errorf("%s: no test is about the %s %s (it travels in %q), and no reason says why", c.operation, titles[c.kind], c.name, passed)
	case excused:
		fmt.Fprintf(b, "| %s | `%s` | %s |\n", titles[c.kind], c.name, reason)
	default:
		fmt.Fprintf(b, "| %s | `%s` | `%s` |\n", titles[c.kind], c.name, test)
	}
	return nil
}

// best is the test that is named for a cell: one that is about it, else the
// operation's own. One that only passes it by is none.
func (c *coverage) best(k cell) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for test := range tellsOf(k) {
		if c.tests[k][test] {
			return test
		}
	}
	own := "TestEveryOperationAnswersTheAWSSDK/" + k.operation
	if c.tests[k][own] {
		return own
	}
	return ""
}

// passedBy is a test in which a cell travelled, whatever the test is about.
func (c *coverage) passedBy(k cell) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, test := range slices.Sorted(maps.Keys(c.tests[k])) {
		return test
	}
	return ""
}

// tellsOf are the tests that are about a cell or what it is part of, the most
// exact first.
func tellsOf(k cell) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := k.name; name != ""; {
			for _, operation := range []string{k.operation, ""} {
				for _, test := range about()[cell{operation, k.kind, name}] {
					if !yield(test) {
						return
					}
				}
			}
			name = name[:max(strings.LastIndex(name, "."), 0)]
		}
	}
}
