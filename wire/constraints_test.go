package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

// apiModel is the service model as this test reads it, apart from the
// generator.
type apiModel struct {
	Operations map[string]struct{ Input struct{ Shape string } }
	Shapes     map[string]apiShape
}

type apiShape struct {
	Type, Pattern    string
	Required, Enum   []string
	Min, Max         int
	Sensitive        bool
	Member           struct{ Shape string }
	Members          map[string]struct{ Shape string }
	minimumIsIgnored bool
}

func readAPI(t *testing.T) apiModel {
	t.Helper()
	src, err := os.ReadFile("model/service-2.json")
	if err != nil {
		t.Fatal(err)
	}
	var m apiModel
	if err := json.Unmarshal(src, &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SecretStringType", "SecretBinaryType"} { // see the package's comment
		s := m.Shapes[name]
		s.minimumIsIgnored = true
		m.Shapes[name] = s
	}
	return m
}

// sample is text of n characters that satisfies the pattern.
func (s apiShape) sample(n int) string {
	switch {
	case s.Enum != nil:
		return s.Enum[0]
	case s.Pattern == "" || n <= 0:
		return strings.Repeat("x", max(n, 0))
	case strings.HasSuffix(s.Pattern, `-)+\d+$`): // a region
		if n < 3 {
			return strings.Repeat("9", n)
		}
		return strings.Repeat("x", n-2) + "-1"
	case s.Pattern == "[0-9]+h":
		return strings.Repeat("9", n-1) + "h"
	}
	return strings.Repeat("x", n)
}

// valid is a value of a shape that breaks nothing.
func (m apiModel) valid(name string) any {
	s := m.Shapes[name]
	switch s.Type {
	case "string":
		return s.sample(max(s.Min, 3))
	case "blob":
		return "eA=="
	case "integer", "long":
		return max(s.Min, 1)
	case "boolean":
		return true
	case "list":
		return []any{m.valid(s.Member.Shape)}
	case "structure":
		out := map[string]any{}
		for _, r := range s.Required {
			out[r] = m.valid(s.Members[r].Shape)
		}
		return out
	}
	panic("no valid " + name)
}

// offence is a value that breaks constraints, with AWS's words for it.
type offence struct {
	name  string
	value any
	want  []string // after the value and the path
	path  string   // below the member
	shown string
}

const (
	longer  = "Member must have length less than or equal to %d"
	shorter = "Member must have length greater than or equal to %d"
)

// offences lists one for each constraint of a shape, and of what is in it.
func (m apiModel) offences(name string) (out []offence) {
	s := m.Shapes[name]
	add := func(what string, value any, shown string, want ...string) {
		if s.Sensitive {
			shown = ""
		} else if len(shown) > 1024 {
			shown = shown[:1024] + "..."
		}
		if !s.Sensitive {
			shown = "'" + shown + "' "
		}
		out = append(out, offence{name: what, value: value, want: want, shown: shown})
	}
	text := func(what, v string, want ...string) { add(what, v, v, want...) }
	pattern := "Member must satisfy regular expression pattern: " + s.Pattern
	switch s.Type {
	case "string", "blob":
		if s.Max > 0 {
			v := s.sample(s.Max + 1)
			if s.Type == "blob" {
				out = append(out, offence{"too long", strings.Repeat("eHh4", s.Max/3+1), []string{fmt.Sprintf(longer, s.Max)}, "", ""})
			} else {
				text("too long", v, fmt.Sprintf(longer, s.Max))
			}
		}
		if s.Min > 0 && !s.minimumIsIgnored && s.Enum == nil {
			v := strings.Repeat("x", s.Min-1)
			want := []string{fmt.Sprintf(shorter, s.Min)}
			if v == "" && s.Pattern != "" || s.Pattern == "[0-9]+h" {
				want = append(want, pattern)
			}
			text("too short", v, want...)
		}
		if s.Pattern != "" {
			text("of other characters", strings.Repeat("&", max(s.Min, 1)), pattern)
		}
		if s.Enum != nil {
			text("unknown", "nonsense", "Member must satisfy enum value set: ["+strings.Join(s.Enum, ", ")+"]")
		}
	case "integer", "long":
		if s.Min != 0 {
			add("too small", s.Min-1, fmt.Sprint(s.Min-1), fmt.Sprintf("Member must have value greater than or equal to %d", s.Min))
		}
		if s.Max != 0 {
			add("too large", s.Max+1, fmt.Sprint(s.Max+1), fmt.Sprintf("Member must have value less than or equal to %d", s.Max))
		}
	case "list":
		out = m.listOffences(s)
	case "structure":
		for _, member := range slices.Sorted(maps.Keys(s.Members)) {
			for _, o := range m.offences(s.Members[member].Shape) {
				o.name = member + " " + o.name
				o.value, o.path = map[string]any{member: o.value}, "."+wireName(member)+o.path
				out = append(out, o)
			}
		}
	}
	return out
}

func (m apiModel) listOffences(s apiShape) (out []offence) {
	element := m.Shapes[s.Member.Shape]
	one := m.valid(s.Member.Shape)
	if s.Min > 0 {
		out = append(out, offence{"empty", []any{}, []string{fmt.Sprintf(shorter, s.Min)}, "", "'[]' "})
	}
	if s.Max > 0 {
		many, shown := slices.Repeat([]any{one}, s.Max+1), ""
		if text, ok := one.(string); ok {
			shown = "'[" + strings.Join(slices.Repeat([]string{text}, s.Max+1), ", ") + "]' "
		}
		out = append(out, offence{"too many", many, []string{fmt.Sprintf(longer, s.Max)}, "", shown})
	}
	for _, o := range m.offences(s.Member.Shape) {
		if element.Type == "structure" {
			out = append(out, offence{"element's " + o.name, []any{one, o.value}, o.want, ".2.member" + o.path, o.shown})
			continue
		}
		// Of an element that is text AWS tells all constraints.
		var all []string
		if element.Max > 0 {
			all = append(all, fmt.Sprintf(longer, element.Max))
		}
		if element.Min > 0 || element.Max > 0 {
			all = append(all, fmt.Sprintf(shorter, element.Min))
		}
		if element.Pattern != "" {
			all = append(all, "Member must satisfy regular expression pattern: "+element.Pattern)
		}
		shown := "[" + o.value.(string) + "]"
		if len(shown) > 1024 {
			shown = shown[:1024] + "..."
		}
		out = append(out, offence{
			"element " + o.name,
			[]any{o.value},
			[]string{"Member must satisfy constraint: [" + strings.Join(all, ", ") + "]"},
			"", "'" + shown + "' ",
		})
	}
	return out
}

func wireName(member string) string { return strings.ToLower(member[:1]) + member[1:] }

// refusal is AWS's sentence for broken constraints.
func refusal(broken []string) string {
	if len(broken) == 1 {
		return "1 validation error detected: " + broken[0]
	}
	return fmt.Sprintf("%d validation errors detected: %s", len(broken), strings.Join(broken, "; "))
}

func (o offence) sentences(member string) (out []string) {
	for _, w := range o.want {
		out = append(out, "Value "+o.shown+"at '"+wireName(member)+o.path+"' failed to satisfy constraint: "+w)
	}
	return out
}

func mustRefuse(t *testing.T, operation string, body map[string]any, broken []string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	in, _ := shapes()[operation]()
	err = Decode(text, in)
	var e *rota.Error
	if !errors.As(err, &e) || e.Code != rota.Validation || e.Message != refusal(broken) {
		t.Errorf("%.300s\ngot  %.600v\nwant %.600s", text, err, refusal(broken))
	}
}

func TestEveryConstraintOfTheModelIsCheckedInTheWordsOfAWS(t *testing.T) {
	m := readAPI(t)
	checked := 0
	for operation := range m.Operations {
		input := m.Operations[operation].Input.Shape
		shape := m.Shapes[input]
		for _, r := range shape.Required {
			t.Run(operation+"."+r+" is required", func(t *testing.T) {
				body := m.valid(input).(map[string]any)
				delete(body, r)
				mustRefuse(t, operation, body, []string{"Value null at '" + wireName(r) + "' failed to satisfy constraint: Member must not be null"})
			})
			checked++
		}
		for member, ref := range shape.Members {
			for _, o := range m.offences(ref.Shape) {
				t.Run(operation+"."+member+" "+o.name, func(t *testing.T) {
					body := m.valid(input).(map[string]any)
					body[member] = o.value
					mustRefuse(t, operation, body, o.sentences(member))
				})
				checked++
			}
		}
	}
	if checked < 170 {
		t.Errorf("only %d constraints were found in the model", checked)
	}
}

func TestAllBrokenConstraintsAreCountedInTheOrderOfTheModel(t *testing.T) {
	m := readAPI(t)
	order := memberOrder(t)
	for operation := range m.Operations {
		t.Run(operation, func(t *testing.T) {
			input := m.Operations[operation].Input.Shape
			body := m.valid(input).(map[string]any)
			var broken []string
			for _, member := range order[input] {
				list := m.offences(m.Shapes[input].Members[member].Shape)
				if len(list) == 0 {
					continue
				}
				body[member] = list[0].value
				broken = append(broken, list[0].sentences(member)...)
			}
			mustRefuse(t, operation, body, broken)
		})
	}
}

// memberOrder is the order of the members of each structure in the file.
func memberOrder(t *testing.T) map[string][]string {
	t.Helper()
	src, err := os.ReadFile("model/service-2.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Shapes map[string]struct{ Members json.RawMessage }
	}
	if err := json.Unmarshal(src, &m); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for name, s := range m.Shapes {
		if s.Members == nil {
			continue
		}
		d := json.NewDecoder(strings.NewReader(string(s.Members)))
		_, _ = d.Token() // the brace of an object that was read before
		for d.More() {
			member, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			out[name] = append(out[name], member.(string))
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}
