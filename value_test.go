package rota_test

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
)

// canary is what must not appear; other is the second value of comparisons.
const (
	canary = "s3cr3t-canary-value"
	other  = "s3cr3t-other-value"
)

// forms are how bytes show up when something prints them.
func forms(s string) []string {
	b := []byte(s)
	numbers := strings.Trim(fmt.Sprint(b), "[]")
	return []string{
		s, fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), fmt.Sprintf("% x", b), fmt.Sprintf("%#v", b), numbers,
		strings.ReplaceAll(numbers, " ", ", "), strings.ReplaceAll(numbers, " ", ","),
		"czNjcjN0", // base64 of the beginning of both
		s[:8],
	}
}

// wantHidden fails if the text shows any of the values in any form.
func wantHidden(t *testing.T, what, text string) {
	t.Helper()
	for _, s := range []string{canary, other} {
		for _, f := range forms(s) {
			if strings.Contains(text, f) {
				t.Errorf("%s shows the value as %q in %q", what, f, text)
				return
			}
		}
	}
}

// The shapes in which a value travels through a program.
type (
	exported   struct{ V rota.Value }
	unexported struct {
		note string
		v    rota.Value
	}
	embedded struct{ rota.Value }
	deep     struct {
		p  *rota.Value
		s  []rota.Value
		m  map[string]rota.Value
		k  map[string]*unexported
		i  any
		a  [2]rota.Value
		f  func() rota.Value
		e  error
		in exported
	}
	failure struct{ v rota.Value }
)

func (f failure) Error() string { return fmt.Sprintf("failed with %v", f.v) }

func shapes(v rota.Value) map[string]any {
	p := &v
	return map[string]any{
		"a value":                v,
		"a pointer":              p,
		"a pointer to a pointer": &p,
		"an exported field":      exported{v},
		"an unexported field":    unexported{"n", v},
		"a pointer to a struct":  &unexported{"n", v},
		"an embedded value":      embedded{v},
		"a slice":                []rota.Value{v},
		"a map":                  map[string]rota.Value{"k": v},
		"an interface":           []any{v, p},
		"an error":               failure{v},
		"a wrapped error":        fmt.Errorf("op: %w", failure{v}),
		"a rota.Error":           &rota.Error{Message: "m", Err: failure{v}},
		"deep inside": deep{
			p: p, s: []rota.Value{v}, m: map[string]rota.Value{"k": v}, k: map[string]*unexported{"k": {"n", v}},
			i: v, a: [2]rota.Value{v, v}, f: func() rota.Value { return v }, e: failure{v}, in: exported{v},
		},
	}
}

func TestNoVerbPrintsAValue(t *testing.T) {
	for kind, v := range map[string]rota.Value{
		"string": rota.StringValue(canary), "binary": rota.BinaryValue([]byte(canary)), "new": rota.NewValue(rota.KindString, []byte(canary)),
	} {
		for shape, x := range shapes(v) {
			for verb := 'A'; verb <= 'z'; verb++ {
				if verb == 'p' {
					continue // an address
				}
				for _, flags := range []string{"%", "%+", "%#", "% ", "%-10.3", "%010"} {
					wantHidden(t, fmt.Sprintf("%s%c of %s in %s", flags, verb, kind, shape), fmt.Sprintf(flags+string(verb), x))
				}
			}
			wantHidden(t, "Sprint of "+shape, fmt.Sprint(x))
			wantHidden(t, "Sprintln of "+shape, fmt.Sprintln(x, x))
			wantHidden(t, "an error around "+shape, fmt.Errorf("op %v: %w", x, errors.New("x")).Error())
		}
	}
}

func TestAValueSaysThatItIsSecret(t *testing.T) {
	v := rota.StringValue(canary)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(format, v); got != "[secret]" {
			t.Errorf("%s prints %q", format, got)
		}
	}
	if got := fmt.Sprintf("%v", exported{v}); got != "{[secret]}" {
		t.Errorf("in a struct it prints %q", got)
	}
}

func TestNoLoggerPrintsAValue(t *testing.T) {
	v := rota.StringValue(canary)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		for shape, x := range shapes(v) {
			var b bytes.Buffer
			log := slog.New(handler(&b)).With("with", x)
			log.Info("m", "x", x, slog.Group("g", "x", x), slog.Any("any", x))
			log.Error("m", "error", fmt.Errorf("op: %v", x))
			if b.Len() == 0 {
				t.Fatal("nothing was logged")
			}
			wantHidden(t, name+" log of "+shape, b.String())
		}
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "v", v)
		if !strings.Contains(b.String(), "[secret]") {
			t.Errorf("the %s log does not say that something is hidden: %s", name, b.String())
		}
	}
}

func TestEveryEncoderRefusesAValue(t *testing.T) {
	v := rota.StringValue(canary)
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"xml":  func(x any) ([]byte, error) { return xml.Marshal(x) },
		"gob": func(x any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(x)
			return b.Bytes(), err
		},
		"yaml": func(x any) ([]byte, error) { return yaml.Marshal(x) },
	}
	for name, encode := range encoders {
		for _, x := range []any{v, &v, exported{v}, &exported{v}, struct{ L []rota.Value }{[]rota.Value{v}}} {
			out, err := encode(x)
			if err == nil {
				t.Errorf("%s wrote %T: %q", name, x, out)
				continue
			}
			wantHidden(t, fmt.Sprintf("%s of %T", name, x), string(out)+err.Error())
		}
	}
	// Shapes that an encoder may leave out must not show the value either.
	for name, encode := range encoders {
		for shape, x := range shapes(v) {
			out, err := encode(x)
			wantHidden(t, name+" of "+shape, fmt.Sprintf("%s %v", out, err))
		}
	}
	if b, err := encoding.TextMarshaler(v).MarshalText(); err == nil || len(b) > 0 {
		t.Errorf("MarshalText gives %q, %v", b, err)
	}
	if b, err := encoding.BinaryMarshaler(v).MarshalBinary(); err == nil || len(b) > 0 {
		t.Errorf("MarshalBinary gives %q, %v", b, err)
	}
}

func TestNoTemplateShowsAValue(t *testing.T) {
	v := rota.StringValue(canary)
	const text = `{{.}} {{printf "%v %s %q %x" . . . .}} {{print .}} {{len (print .)}}`
	for shape, x := range shapes(v) {
		var b bytes.Buffer
		err := texttemplate.Must(texttemplate.New("").Parse(text)).Execute(&b, x)
		wantHidden(t, "text/template of "+shape, fmt.Sprintf("%s %v", &b, err))
		for _, where := range []string{text, `<a href="{{.}}" onclick="f({{.}})">{{.}}</a><script>var x = {{.}};</script><style>{{.}}</style>`} {
			b.Reset()
			err = htmltemplate.Must(htmltemplate.New("").Parse(where)).Execute(&b, x)
			wantHidden(t, "html/template of "+shape, fmt.Sprintf("%s %v", &b, err))
		}
	}
}

func TestADiffDoesNotShowValues(t *testing.T) {
	a, b := exported{rota.StringValue(canary)}, exported{rota.StringValue(other)}
	diff := cmp.Diff(a, b)
	if diff == "" {
		t.Error("different values show no difference")
	}
	wantHidden(t, "the diff", diff)
	if diff := cmp.Diff(a, exported{rota.StringValue(canary)}); diff != "" {
		t.Errorf("equal values differ: %s", diff)
	}
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	func() {
		defer func() { // comparing functions is refused with a panic
			if p := recover(); p != nil {
				wantHidden(t, "the panic of a diff", fmt.Sprint(p))
			}
		}()
		wantHidden(t, "a diff of unexported fields", cmp.Diff(unexported{"n", a.V}, unexported{"n", b.V}, all))
	}()
}

// TestAPanicDoesNotShowAValue runs this test again as a process that panics.
func TestAPanicDoesNotShowAValue(t *testing.T) {
	const env = "ROTA_TEST_PANIC"
	if os.Getenv(env) != "" {
		v := rota.StringValue(canary)
		switch os.Getenv(env) {
		case "value":
			panic(v)
		case "struct":
			panic(unexported{"n", v})
		case "error":
			panic(failure{v})
		}
	}
	for _, what := range []string{"value", "struct", "error"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAPanicDoesNotShowAValue$")
		cmd.Env = append(os.Environ(), env+"="+what, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic") {
			t.Fatalf("the process did not panic: %v", err)
		}
		wantHidden(t, "the panic of a "+what, string(out))
	}
}

func TestAValueCannotBeChanged(t *testing.T) {
	for name, make := range map[string]func([]byte) rota.Value{
		"BinaryValue": rota.BinaryValue,
		"NewValue":    func(b []byte) rota.Value { return rota.NewValue(rota.KindBinary, b) },
		"StringValue": func(b []byte) rota.Value { return rota.StringValue(string(b)) },
	} {
		in := []byte(canary)
		v := make(in)
		in[0] = 'X'
		if got := string(v.Reveal()); got != canary {
			t.Errorf("%s keeps the caller's bytes: %q", name, got)
		}
		out := v.Reveal()
		out[0] = 'Y'
		clear(out[1:])
		if got := string(v.Reveal()); got != canary {
			t.Errorf("%s: Reveal gives its own bytes away: %q", name, got)
		}
	}
}

func TestEqualComparesKindAndBytes(t *testing.T) {
	s, b := rota.StringValue("a"), rota.BinaryValue([]byte("a"))
	for _, c := range []struct {
		name string
		v, w rota.Value
		want bool
	}{
		{"the same text", s, rota.StringValue("a"), true},
		{"the same bytes", b, rota.NewValue(rota.KindBinary, []byte("a")), true},
		{"other text", s, rota.StringValue("b"), false},
		{"text that begins the same", s, rota.StringValue("ab"), false},
		{"the same content of another kind", s, b, false},
		{"nothing and nothing", rota.Value{}, rota.Value{}, true},
		{"nothing and a NewValue without a kind", rota.Value{}, rota.NewValue(rota.KindNone, []byte("a")), true},
		{"nothing and an empty text", rota.Value{}, rota.StringValue(""), false},
		{"two empty texts", rota.StringValue(""), rota.StringValue(""), true},
	} {
		if got := c.v.Equal(c.w); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
		if got := c.w.Equal(c.v); got != c.want {
			t.Errorf("%s, the other way round: %t, want %t", c.name, got, c.want)
		}
	}
}

func TestTheZeroValueIsNoValue(t *testing.T) {
	var v rota.Value
	if !v.IsZero() || v.Kind() != rota.KindNone || v.Len() != 0 || v.Reveal() != nil {
		t.Errorf("zero %t, kind %d, length %d, bytes %v", v.IsZero(), v.Kind(), v.Len(), v.Reveal())
	}
	if got := fmt.Sprint(v); got != "[secret]" {
		t.Errorf("it prints %q: whether there is a value is no one's business", got)
	}
	if v := rota.StringValue(canary); v.IsZero() || v.Len() != len(canary) || v.Kind() != rota.KindString {
		t.Errorf("a text is zero %t, length %d, kind %d", v.IsZero(), v.Len(), v.Kind())
	}
	if v := rota.BinaryValue(nil); v.IsZero() || v.Kind() != rota.KindBinary {
		t.Error("empty bytes are a value")
	}
}
