package rotation

import (
	"fmt"
	"strings"

	"github.com/rotahq/rota"
)

// Serves reports whether the admin secret allows the secret of the given
// name to use it: its tag rota:serves lists names separated by spaces; one
// that ends in "/" is a prefix, "@" alone means all. No tag means none:
// otherwise whoever may write one secret could borrow the master key of
// another.
func Serves(admin rota.Secret, name string) bool {
	text, _ := admin.Tag(TagServes)
	for _, entry := range strings.Fields(text) {
		if entry == "@" || entry == name || (strings.HasSuffix(entry, "/") && strings.HasPrefix(name, entry)) {
			return true
		}
	}
	return false
}

// MayUse refuses a child that the admin secret does not serve, with the
// commands that allow it, and a secret that names itself.
func MayUse(admin, child rota.Secret) error {
	if admin.ARN() == child.ARN() {
		return fmt.Errorf("the secret %s names itself as its admin secret", child.Name)
	}
	if Serves(admin, child.Name) {
		return nil
	}
	have, _ := admin.Tag(TagServes)
	all := strings.TrimSpace(have + " " + child.Name)
	return fmt.Errorf("the admin secret %s does not serve %s; whoever owns it allows it with: rota tag %s '%s=%s' (on AWS: aws secretsmanager tag-resource --secret-id %s --tags 'Key=%s,Value=%s')",
		admin.Name, child.Name, admin.Name, TagServes, all, admin.Name, TagServes, all)
}
