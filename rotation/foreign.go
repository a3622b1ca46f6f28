package rotation

import (
	"fmt"
	"strings"

	"github.com/rotahq/rota"
)

// BuiltIn reports whether a function ARN names a rotator of the catalog
// (rota-<rotator>). All other functions are somebody else's code.
func BuiltIn(c Catalog, arn string) bool {
	name, ours := strings.CutPrefix(FunctionName(arn), functionPrefix)
	_, known := c.ByName(name)
	return ours && known
}

// ReservedName reports whether a function of that name could be taken for one
// of rota's own.
func ReservedName(name string) bool { return strings.HasPrefix(name, functionPrefix) }

// AdminOf is the admin secret that a secret names, by its metadata, its tag
// or the field masterarn of its value; "" for none.
func AdminOf(s rota.Secret, current rota.Value) string {
	if id, _ := (lookup{secret: s}).own(SettingAdmin); id != "" {
		return id
	}
	return stringField(current, "masterarn")
}

// CheckForeign refuses settings of rota's rotators on a secret that another
// function rotates: that function does not know them, and a policy that
// nobody follows is worse than none. The error is a Problems.
func CheckForeign(s rota.Secret) error {
	var problems Problems
	for _, m := range s.Rotation.Metadata {
		if m.Key != metadataKey(SettingAdmin) {
			problems = append(problems, fmt.Sprintf("metadata %s is a setting of rota's own rotators, which the function %s does not know", m.Key, FunctionName(s.Rotation.Function)))
		}
	}
	for _, t := range s.Tags {
		name, ours := strings.CutPrefix(t.Key, TagPrefix)
		if ours && t.Key != TagServes && name != SettingAdmin {
			problems = append(problems, fmt.Sprintf("tag %s is a setting of rota's own rotators, which the function %s does not know: remove it", t.Key, FunctionName(s.Rotation.Function)))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}
