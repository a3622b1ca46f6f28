package conformance

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// Call is one call of the function to the API, as a trace shows it.
type Call struct {
	Operation string `json:"operation"`
	// About says of what, with versions by the names of the case: "AWSPENDING
	// of new".
	About  string `json:"about,omitempty"`
	Result string `json:"result"` // "ok", the type of the error, or what the kit did

	in input
}

// input is what a call asks for; values only as what must not be shown.
type input struct {
	SecretID            string `json:"SecretId"`
	VersionID           string `json:"VersionId"`
	VersionStage        string
	ClientRequestToken  string
	VersionStages       []string
	RotationToken       string
	RemoveFromVersionID string `json:"RemoveFromVersionId"`
	MoveToVersionID     string `json:"MoveToVersionId"`
	values              []rota.Value
}

func (c Call) read() bool {
	return slices.ContainsFunc([]string{"Get", "Describe", "List", "BatchGet"}, func(p string) bool { return strings.HasPrefix(c.Operation, p) })
}

// puts reports whether the call writes a value.
func (c Call) puts() bool { return c.Operation == "PutSecretValue" || c.Operation == "UpdateSecret" }

// movesCurrent reports whether the call moves AWSCURRENT to another version.
func (c Call) movesCurrent() bool {
	return c.Operation == "UpdateSecretVersionStage" && c.in.VersionStage == string(rota.Current)
}

const resultOK = "ok"

// parseCall reads a request. What cannot be read is a call all the same; the
// server will refuse it.
func parseCall(h http.Header, body []byte) Call {
	_, operation, _ := strings.Cut(h.Get("X-Amz-Target"), ".")
	c := Call{Operation: operation}
	var whole struct {
		input
		SecretString string
		SecretBinary []byte
	}
	_ = json.Unmarshal(body, &whole) // as much of it as can be read
	c.in = whole.input
	if whole.SecretString != "" {
		c.in.values = append(c.in.values, rota.StringValue(whole.SecretString))
	}
	if len(whole.SecretBinary) > 0 {
		c.in.values = append(c.in.values, rota.BinaryValue(whole.SecretBinary))
	}
	return c
}

// labels are those that a put asks for, as label words them.
func (in input) labels(version func(string) string) string {
	var words []string
	for _, l := range in.VersionStages {
		words = append(words, in.label(l, version))
	}
	return strings.Join(words, ", ")
}

// times are in labels of a function's own; they would name every call anew.
var times = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z`)

// label is a label without what differs from run to run: times, and the
// beginnings of version ids.
func (in input) label(l string, version func(string) string) string {
	l = times.ReplaceAllString(l, "(time)")
	return idStart.ReplaceAllStringFunc(l, func(id string) string { return version(id) })
}

// idStart is where a label may hold the beginning of a version id.
var idStart = regexp.MustCompile(`\b[0-9a-f]{8}\b`)

// about words what a call is about. version names a version, secret a secret
// ("" for the one in rotation).
func (c Call) about(version func(string) string, secret func(string) string) string {
	var words []string
	if s := secret(c.in.SecretID); s != "" && c.in.SecretID != "" {
		words = append(words, "secret "+s)
	}
	switch c.Operation {
	case "GetSecretValue":
		switch {
		case c.in.VersionStage != "" && c.in.VersionID != "":
			words = append(words, c.in.VersionStage+" of "+version(c.in.VersionID))
		case c.in.VersionID != "":
			words = append(words, version(c.in.VersionID))
		case c.in.VersionStage != "":
			words = append(words, c.in.VersionStage)
		default:
			words = append(words, rota.Current)
		}
	case "PutSecretValue":
		labels := c.in.labels(version)
		if labels == "" {
			labels = "without VersionStages"
		}
		words = append(words, version(c.in.ClientRequestToken)+", "+labels)
	case "UpdateSecretVersionStage":
		words = append(words, c.in.label(c.in.VersionStage, version))
		if c.in.RemoveFromVersionID != "" {
			words = append(words, "from "+version(c.in.RemoveFromVersionID))
		}
		if c.in.MoveToVersionID != "" {
			words = append(words, "to "+version(c.in.MoveToVersionID))
		}
	}
	return strings.Join(words, " ")
}
