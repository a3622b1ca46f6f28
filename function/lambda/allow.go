package lambda

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/rotahq/rota"
)

// The variables of the function's environment that hold the allow-list.
const (
	AllowRotators     = "ROTA_ALLOW_ROTATORS"
	AllowHosts        = "ROTA_ALLOW_HOSTS"
	AllowAdminSecrets = "ROTA_ALLOW_ADMIN_SECRETS"
)

// Allow is what this function may do, whatever a secret says: whoever may
// write a secret and its tags would otherwise decide where the function
// connects to. Each list holds patterns in which * stands for any text. An
// empty list allows nothing.
type Allow struct {
	Rotators     []string // names of the catalog
	Hosts        []string // host, or host:port
	AdminSecrets []string // names or ARNs
}

// AllowFrom reads the allow-list from the environment: patterns separated by
// spaces or commas.
func AllowFrom(getenv func(string) string) Allow {
	list := func(name string) []string {
		return strings.FieldsFunc(getenv(name), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
	}
	return Allow{Rotators: list(AllowRotators), Hosts: list(AllowHosts), AdminSecrets: list(AllowAdminSecrets)}
}

// refused says which variable to change, and how.
func refused(what, variable, add string, have []string) error {
	return fmt.Errorf("%s is not allowed by this function: set its environment variable %s to %q, if that is meant (the template's parameter of that name does it)",
		what, variable, strings.TrimSpace(strings.Join(have, " ")+" "+add))
}

func (a Allow) rotator(name string) error {
	if matchAny(a.Rotators, name) {
		return nil
	}
	return refused("the rotator "+name, AllowRotators, name, a.Rotators)
}

func (a Allow) admin(s rota.Secret) error {
	if matchAny(a.AdminSecrets, s.Name) || matchAny(a.AdminSecrets, s.ARN()) {
		return nil
	}
	return refused("the admin secret "+s.Name, AllowAdminSecrets, s.Name, a.AdminSecrets)
}

// provider checks the address of a provider as rotators name it: a URL, maybe
// with the account after a space.
func (a Allow) provider(name string) error {
	address, _, _ := strings.Cut(name, " ")
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("the provider's address cannot be compared with %s: it is none", AllowHosts)
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	for _, p := range a.Hosts {
		p = strings.ToLower(p)
		if match(p, host) || match(p, net.JoinHostPort(host, port)) {
			return nil
		}
	}
	return refused("the host "+host, AllowHosts, host, a.Hosts)
}

func matchAny(patterns []string, text string) bool {
	for _, p := range patterns {
		if match(p, text) {
			return true
		}
	}
	return false
}

// match tells whether the whole text is of the pattern. Each piece between two
// stars is taken at its first place, which leaves most for those that follow.
func match(pattern, text string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		piece, more, starred := strings.Cut(rest, "*")
		if !starred {
			return strings.HasSuffix(text, piece)
		}
		i := strings.Index(text, piece)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(piece):], more
	}
}
