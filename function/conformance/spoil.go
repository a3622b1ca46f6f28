package conformance

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// spoil returns the value with one secret part replaced, such that the
// provider refuses it; false where no such part was found. In a JSON object
// the parts are its members of text, those first whose names sound secret.
func (p *play) spoil(v rota.Value) (spoiled rota.Value, found bool) {
	if p.err != nil {
		return rota.Value{}, false
	}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.seenValues = append(p.seenValues, spoiled) // the secret will hold it
	}()
	var object map[string]any
	if json.Unmarshal(v.Reveal(), &object) != nil {
		text, err := random(p.Rand, max(v.Len(), 8))
		p.failed(err)
		spoiled = rota.StringValue(text)
		return spoiled, p.verdict(spoiled) == Refused
	}
	for _, name := range secretFirst(object) {
		have, ok := object[name].(string)
		if !ok || have == "" {
			continue
		}
		text, err := random(p.Rand, max(len(have), 8))
		p.failed(err)
		changed := maps.Clone(object)
		changed[name] = text
		b, err := json.Marshal(changed)
		p.failed(err)
		if spoiled = rota.StringValue(string(b)); p.verdict(spoiled) == Refused {
			return spoiled, true
		}
	}
	return rota.Value{}, false
}

// secretFirst sorts the names of members.
func secretFirst(object map[string]any) []string {
	names := slices.Sorted(maps.Keys(object))
	slices.SortStableFunc(names, func(a, b string) int { return secretness(b) - secretness(a) })
	return names
}

func secretness(name string) int {
	name = strings.ToLower(name)
	for i, word := range []string{"token", "key", "secret", "password"} {
		if strings.Contains(name, word) && !strings.HasSuffix(name, "id") {
			return i + 1
		}
	}
	return 0
}
