package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rotahq/rota"
)

// Input is a request of one of AWS's operations: a pointer to its structure,
// GetSecretValueInput and so on. Rota's own operations have none.
type Input interface {
	decode(d *decoder, r raw, at string)
}

// Decode reads a request's body into in, every member of it, and checks it
// against the service model. It may be called again.
//
// Names of members are case-sensitive, unknown members are ignored, null is
// absent, and of a member that is given twice the last counts. A body that is
// not JSON in UTF-8, a member of the wrong JSON type and text with half a
// surrogate pair are a [rota.Serialization] error; what the model forbids is
// a [rota.Validation] error with AWS's text. Neither ever holds a sensitive
// value.
func Decode(body []byte, in Input) error {
	if !utf8.Valid(body) || !json.Valid(body) {
		return rota.E(rota.Serialization, "The request body is not valid JSON.")
	}
	d := decoder{}
	r, _ := cutValue(skipSpace(body))
	in.decode(&d, r, "")
	if d.wrong != "" {
		return rota.E(rota.Serialization, "%s", d.wrong)
	}
	return d.violationError()
}

// decoder reads members and notes what is wrong with them. Its methods take
// the member's value, the path of the structure it is in ("" or ending in a
// dot), its name in that path, and its constraints.
type decoder struct {
	wrong      string // the first wrong type
	violations []string
}

// object begins a structure.
func (d *decoder) object(r raw) object {
	if r == nil || r[0] != '{' {
		d.wrongType(r, "")
		return object{}
	}
	return object{rest: r[1:]}
}

// wrongType notes a value of the wrong JSON type in the words of AWS's other
// JSON services. want is "" for a structure or list, which have no name there.
func (d *decoder) wrongType(r raw, want string) {
	if d.wrong != "" {
		return
	}
	kind := "NUMBER_VALUE"
	switch {
	case r == nil: // a body of null
		d.wrong = "Unexpected null."
		return
	case r[0] == '[':
		d.wrong = "Start of list found where not expected"
		return
	case r[0] == '{':
		d.wrong = "Start of structure or map found where not expected."
		return
	case r[0] == '"':
		kind = "STRING_VALUE"
	case r[0] == 't':
		kind = "TRUE_VALUE"
	case r[0] == 'f':
		kind = "FALSE_VALUE"
	}
	if want == "" {
		d.wrong = "Unexpected " + kind + " where a structure or list was expected."
		return
	}
	d.wrong = kind + " can not be converted to " + want
}

// chars reads a string token. The result may share the body's memory.
func (d *decoder) chars(r raw, want string) (text []byte, ok bool) {
	if r[0] != '"' {
		d.wrongType(r, want)
		return nil, false
	}
	text, ok = unquote(r)
	if !ok && d.wrong == "" {
		d.wrong = "A string holds half a surrogate pair."
	}
	return text, ok
}

func (d *decoder) text(r raw, at, name string, c *rule) string {
	if r == nil {
		return ""
	}
	text, ok := d.chars(r, "a String")
	if !ok {
		return ""
	}
	s := string(text)
	if !c.allows(s) {
		d.violateText(s, at+name, c)
	}
	return s
}

func (d *decoder) optionalText(r raw, at, name string, c *rule) *string {
	if r == nil {
		return nil
	}
	s := d.text(r, at, name, c)
	return &s
}

func (d *decoder) value(r raw, at, name string, c *rule) rota.Value {
	if r == nil {
		return rota.Value{}
	}
	text, ok := d.chars(r, "a String")
	if !ok {
		return rota.Value{}
	}
	d.checkSize(len(text), "", at+name, c)
	return rota.NewValue(rota.KindString, text)
}

func (d *decoder) blob(r raw, at, name string, c *rule) rota.Value {
	if r == nil {
		return rota.Value{}
	}
	text, ok := d.chars(r, "a Blob")
	if !ok {
		return rota.Value{}
	}
	data, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		if d.wrong == "" {
			d.wrong = "A value can not be converted to a Blob: it is not base64" // never err: it may tell of the value
		}
		return rota.Value{}
	}
	d.checkSize(len(data), "", at+name, c)
	return rota.NewValue(rota.KindBinary, data)
}

// integer accepts every way of writing a whole number in JSON, like 1e2.
func (d *decoder) integer(r raw, at, name, want string, c *rule) *int {
	if r == nil {
		return nil
	}
	if r[0] != '-' && (r[0] < '0' || r[0] > '9') {
		d.wrongType(r, want)
		return nil
	}
	n, err := strconv.Atoi(string(r))
	if err != nil {
		f, err := strconv.ParseFloat(string(r), 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
			d.wrongType(r, want)
			return nil
		}
		n = int(f)
	}
	d.checkRange(n, at+name, c)
	return &n
}

func (d *decoder) boolean(r raw) *bool {
	if r == nil {
		return nil
	}
	if r[0] != 't' && r[0] != 'f' {
		d.wrongType(r, "an Boolean") // AWS's grammar
		return nil
	}
	b := r[0] == 't'
	return &b
}

// texts reads a list of strings. c are the constraints of the list, each of
// its elements.
func (d *decoder) texts(r raw, at, name string, c, each *rule) []string {
	if r == nil {
		return nil
	}
	if r[0] != '[' {
		d.wrongType(r, "")
		return nil
	}
	list := []string{}
	failed, constraint, more := "", "", 0
	for a := (array{rest: r[1:]}); a.next(); {
		if len(list) == maxElements {
			more++
			continue
		}
		if a.value == nil {
			failed = mustNotBeNull
			continue
		}
		text, ok := d.chars(a.value, "a String")
		if !ok {
			return nil
		}
		s := string(text)
		list = append(list, s)
		if !each.allows(s) {
			if constraint == "" {
				constraint = each.String()
			}
			failed = constraint
		}
	}
	if failed != "" || more > 0 || !c.fits(len(list)) {
		shown := "'" + echo("["+strings.Join(list, ", ")+"]") + "' "
		d.checkLength(len(list)+more, shown, at+name, c)
		if failed != "" {
			d.violate(shown, at+name, "Member must satisfy constraint: ["+failed+"]")
		}
	}
	return list
}

func structure[T any](d *decoder, r raw, at, name string, decode func(*T, *decoder, raw, string)) *T {
	if r == nil {
		return nil
	}
	v := new(T)
	decode(v, d, r, at+name+".")
	return v
}

func structures[T any](d *decoder, r raw, at, name string, c *rule, decode func(*T, *decoder, raw, string)) []T {
	if r == nil {
		return nil
	}
	if r[0] != '[' {
		d.wrongType(r, "")
		return nil
	}
	list, more := []T{}, 0
	for a := (array{rest: r[1:]}); a.next(); {
		if len(list) == maxElements {
			more++
			continue
		}
		list = append(list, *new(T))
		path := at + name + "." + strconv.Itoa(len(list)) + ".member"
		if a.value == nil {
			d.violate("null ", path, mustNotBeNull)
			continue
		}
		decode(&list[len(list)-1], d, a.value, path+".")
	}
	shown := "" // what a structure looks like is nobody's business
	if len(list) == 0 {
		shown = "'[]' "
	}
	d.checkLength(len(list)+more, shown, at+name, c)
	return list
}
