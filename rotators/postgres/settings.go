package postgres

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/rotahq/rota/internal/password"
	"github.com/rotahq/rota/rotation"
)

const (
	settingLength  = "password-length"
	settingExclude = "exclude-characters"
	settingTLS     = "tls"
	settingCA      = "tls-ca"

	defaultLength  = "32"
	defaultExclude = `:/@"'\` // as in AWS's functions for PostgreSQL
)

// tlsMode grows with what it protects against.
type tlsMode uint8

const (
	tlsDisable    tlsMode = iota
	tlsPrefer             // verified, and without TLS if that fails
	tlsRequire            // encrypted; anybody's certificate will do
	tlsVerifyCA           // a known authority's certificate, for any name
	tlsVerifyFull         // a known authority's certificate for this host
)

var tlsModes = []string{"disable", "prefer", "require", "verify-ca", "verify-full"}

func checkTLS(s string) error {
	if s != "" && !slices.Contains(tlsModes, s) {
		return fmt.Errorf("%s must be one of %s", settingTLS, strings.Join(tlsModes, ", "))
	}
	return nil
}

func checkLength(s string) error {
	if n, err := strconv.Atoi(s); err != nil || n < 10 || n > 1000 {
		return fmt.Errorf("%s must be a number from 10 to 1000", settingLength)
	}
	return nil
}

// settings are a secret's settings, checked.
type settings struct {
	alternating bool
	rule        password.Rule
	tls         string // "" leaves it to the field ssl
	roots       *x509.CertPool
}

// settings reads the settings. Its error joins every problem.
func (r *Rotator) settings(s rotation.Settings) (settings, error) {
	get := func(name, otherwise string) string {
		if v := s[name]; v != "" {
			return v
		}
		return otherwise
	}
	var problems []error
	out := settings{tls: s[settingTLS], roots: r.roots}

	switch strategy := s[rotation.SettingStrategy]; strategy {
	case rotation.SingleUser:
	case rotation.AlternatingUsers:
		out.alternating = true
	default:
		problems = append(problems, fmt.Errorf("%s must be %s or %s, not %q",
			rotation.SettingStrategy, rotation.SingleUser, rotation.AlternatingUsers, strategy))
	}

	if length := get(settingLength, defaultLength); checkLength(length) != nil {
		problems = append(problems, checkLength(length))
	} else {
		n, _ := strconv.Atoi(length) // checked
		rule, err := newPasswordRule(n, get(settingExclude, defaultExclude))
		if err != nil {
			problems = append(problems, err)
		}
		out.rule = rule
	}

	if err := checkTLS(out.tls); err != nil {
		problems = append(problems, err)
	}
	if path := s[settingCA]; path != "" {
		out.roots = x509.NewCertPool()
		// One answer for every cause: who writes settings should not learn
		// which files there are.
		if pem, err := os.ReadFile(path); err != nil || !out.roots.AppendCertsFromPEM(pem) {
			problems = append(problems, errors.New(settingCA+" does not name a readable PEM file with a certificate"))
		}
	}
	return out, errors.Join(problems...)
}

// tlsFor is how l connects: the setting, else its field ssl.
func (s settings) tlsFor(l login) tlsMode {
	if i := slices.Index(tlsModes, s.tls); i >= 0 {
		return tlsMode(i)
	}
	switch l.ssl {
	case sslYes:
		return tlsVerifyFull
	case sslNo:
		return tlsDisable
	}
	return tlsPrefer
}

// tlsForAdmin is the stricter of what the admin secret says and what holds
// for the secret itself, so that a secret cannot lower the admin's protection.
func (s settings) tlsForAdmin(admin, current login) tlsMode {
	return max(settings{}.tlsFor(admin), s.tlsFor(current))
}
