package postgres

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rotahq/rota/rotation"
)

//go:generate go test -run TestThePageIsCurrent -update .

var update = flag.Bool("update", false, "write docs/postgresql.md anew")

const docsPage = "../../docs/postgresql.md"

func TestThePageIsCurrent(t *testing.T) {
	page := renderPage(New(Options{}).Descriptor())
	if *update {
		if err := os.WriteFile(docsPage, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docsPage)
	if err != nil || !bytes.Equal(have, page) {
		t.Errorf("docs/postgresql.md is not what the rotator says: run go generate ./rotators/postgres (%v)", err)
	}
}

// TestThePageSaysWhatEachModeOfTLSDoes: the table is prose.
func TestThePageSaysWhatEachModeOfTLSDoes(t *testing.T) {
	for _, mode := range tlsModes {
		if !strings.Contains(tlsProse, "| `"+mode+"` |") {
			t.Errorf("nothing is said of %s", mode)
		}
	}
}

const tlsProse = "## TLS\n\n" +
	"The setting `tls` decides; where it is not set, the field `ssl` of the secret's value does:\n\n" +
	"| `tls` | the same as | The connection |\n| --- | --- | --- |\n" +
	"| `disable` | `\"ssl\": false` | without TLS |\n" +
	"| `prefer` | no `ssl`, or neither true nor false | TLS with a verified certificate; **without TLS** if the server offers none, or if TLS fails, as with a certificate that cannot be verified |\n" +
	"| `require` | - | TLS; anybody's certificate will do, so that whoever is in between can read along |\n" +
	"| `verify-ca` | - | TLS; the certificate is of a known authority, for any name |\n" +
	"| `verify-full` | `\"ssl\": true` | TLS; the certificate is of a known authority, for this host |\n\n" +
	"So a secret without `ssl` is rotated without TLS where the server has no certificate that is known here:\n" +
	"set `ssl` to true, or `tls` to `verify-full`, where the network is not your own. The known authorities are the\n" +
	"system's, or those of the file that `tls-ca` names on the server's machine.\n\n" +
	"The password itself never goes over a connection that is not verified TLS: a server that asks for it in the\n" +
	"clear is refused, and one that is to be set is sent as a SCRAM verifier. For the admin secret the stricter\n" +
	"holds of what its own `ssl` says and what holds for the secret: a secret cannot lower the admin's protection.\n"

func renderPage(d rotation.Descriptor) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n<!-- Generated from rotators/postgres by go generate ./rotators/postgres. -->\n\n", d.Title)
	fmt.Fprintf(&b, "The rotator `%[1]s`, which is the function `rota-%[1]s`: `rota rotate NAME --rotator %[1]s`, or the tag\n"+
		"`rota:rotator=%[1]s`. The [guide](guide.md#rotate-a-postgresql-password) has examples;\n"+
		"`rota show NAME --rotator %[1]s` shows how a secret would be rotated. [The server's documentation](%[2]s).\n\n%[3]s\n\n", d.Name, d.Docs, d.Semantics)
	fmt.Fprintf(&b, "- How: rota generates the value.\n- Live at once: 1 with `%s`, 2 with `%s`.\n- Dead means: %s.\n", rotation.SingleUser, rotation.AlternatingUsers, d.Dead)
	b.WriteString("- A new value is accepted at once, and an ended one refused at once, by the server that was changed.\n")
	b.WriteString("\n| The secret's JSON value | | |\n| --- | --- | --- |\n")
	for _, f := range d.Fields {
		marks := "optional"
		if f.Required {
			marks = "required"
		}
		if f.Secret {
			marks += ", secret"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, marks, cell(f.Help))
	}
	b.WriteString("\nThe admin secret has the same fields, `engine` not required. It must name the same host and port, and a role\n" +
		"that may create roles, neither of the two users. Other fields are kept as they are.\n")
	b.WriteString("\n| Setting | Default | |\n| --- | --- | --- |\n")
	for _, s := range d.Settings {
		byDefault := "none"
		if s.Default != "" {
			byDefault = "`` " + s.Default + " ``"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, byDefault, cell(s.Help))
	}
	b.WriteString("\nSet them with `rota rotate NAME --set password-length=40`; the settings that all rotators have are in the\n" +
		"[guide](guide.md#which-rotator-and-its-settings).\n\n")
	b.WriteString(tlsProse)
	return b.Bytes()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
