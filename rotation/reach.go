package rotation

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/rotahq/rota"
)

// addresses are the members of a value that say where it is used, for
// functions that are not rota's: those of the documents that AWS describes
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
var addresses = []string{"engine", "host", "port", "ssl"}

// Reach is all that decides where a rotation sends a secret's credential, but
// for its tags: the function, the type, the metadata, and of the value the
// address and the admin secret. Two texts that differ are two destinations.
// It is empty for a secret that nothing names a rotator for and that serves no
// other, never fails, and holds nothing that has to be kept secret.
func Reach(c Catalog, s rota.Secret, current rota.Value) string {
	tagged := slices.ContainsFunc(s.Tags, func(t rota.Tag) bool { return strings.HasPrefix(t.Key, TagPrefix) })
	if s.Rotation.Function == "" && s.Type == "" && len(s.Rotation.Metadata) == 0 && !tagged {
		return ""
	}
	text, _ := json.Marshal([]any{s.Rotation.Function, s.Type, s.Rotation.Metadata, membersOf(current, reaching(c, s))}) // plain text always encodes
	return string(text)
}

// reaching are the members of a secret's value that say where a credential is
// sent. Those of an admin secret are read by whatever rotator the secrets that
// it serves have, so they are those of all.
func reaching(c Catalog, s rota.Secret) []string {
	names := []string{"masterarn"}
	add := func(fields []Field) {
		for _, f := range fields {
			if f.Address {
				names = append(names, f.Name)
			}
		}
	}
	known := false
	if name, _, err := rotatorName(c, s, lookup{secret: s}); err == nil {
		var r Rotator
		if r, known = c.ByName(name); known {
			add(r.Descriptor().Fields)
		}
	}
	_, serves := s.Tag(TagServes)
	if !known || serves {
		names = append(names, addresses...)
	}
	if serves {
		for _, r := range c.All() {
			d := r.Descriptor()
			add(d.Fields)
			add(d.Admin)
		}
	}
	return names
}

// membersOf are the named members of a JSON value, as text without white
// space. What is no JSON object has none.
func membersOf(v rota.Value, names []string) map[string]string {
	var all map[string]json.RawMessage
	plain := v.Reveal()
	defer clear(plain)
	if v.Kind() != rota.KindString || json.Unmarshal(plain, &all) != nil {
		return nil
	}
	out := map[string]string{}
	for _, name := range names {
		var b bytes.Buffer
		if raw, ok := all[name]; ok && json.Compact(&b, raw) == nil {
			out[name] = b.String()
		}
	}
	return out
}
