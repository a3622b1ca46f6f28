package postgres

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// Plan checks the settings, the current value and, where it is there, the
// admin secret.
func (r *Rotator) Plan(req rotation.Request) (rotation.Plan, error) {
	var problems []error
	s, err := r.settings(req.Settings)
	problems = append(problems, err)
	l, _, err := parseLogin(req.Current, true)
	problems = append(problems, err)

	plan := rotation.Plan{
		Identity:    l.identity(),
		Capacity:    1,
		Lane:        l.provider(),
		Propagation: rotation.Propagation{Successes: 1, Interval: 250 * time.Millisecond, Within: 10 * time.Second},
	}
	if s.alternating {
		plan.Capacity = 2
		if l.user != "" && len(l.user) <= maxName {
			_, err := partner(l.user)
			problems = append(problems, err)
		}
		switch {
		case !req.Admin.Named():
			problems = append(problems, errors.New(`alternating users need an admin secret: name it with the tag rota:admin, or its ARN in "masterarn"`))
		case !req.Admin.Value.IsZero():
			_, err := adminLogin(req, l)
			problems = append(problems, err)
		}
	}
	if err := rotation.ProblemsOf(problems...); err != nil {
		return rotation.Plan{}, rotation.Permanent(err)
	}
	return plan, nil
}

// adminLogin reads the admin secret. Its address must be the current value's:
// a secret can neither borrow the admin of another server nor have its
// password sent to a host of its own.
func adminLogin(req rotation.Request, current login) (login, error) {
	if req.Admin.Value.IsZero() {
		return login{}, fmt.Errorf("the admin secret %s has no value that may be read", req.Admin.ARN)
	}
	admin, _, err := parseLogin(req.Admin.Value, false)
	if err != nil {
		return login{}, fmt.Errorf("admin secret %s: %s", req.Admin.ARN, oneLine(err))
	}
	if current.host != "" && admin.address() != current.address() {
		here, there := places(current, admin)
		return login{}, asAWS("Current database host %s is not the same host as/rds replica of master %s", here, there)
	}
	// The old one of the pair ends with a password that nobody knows.
	if other, err := partner(current.user); admin.user == current.user || err == nil && admin.user == other {
		return login{}, fmt.Errorf("the admin secret %s is for %q, one of the two users themselves: it would lose its password",
			req.Admin.ARN, admin.user)
	}
	return admin, nil
}

// Identify names the role at its server.
func (*Rotator) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	l, err := readLogin(req, "value", v)
	if err != nil {
		return rotation.Identity{}, err
	}
	return l.identity(), nil
}

func (l login) identity() rotation.Identity {
	return rotation.Identity{Provider: l.provider(), Principal: l.user, Secret: l.password}
}

// readLogin is parseLogin for a value that must be right by now.
func readLogin(req rotation.Request, what string, v rota.Value) (login, error) {
	l, _, err := parseLogin(v, true)
	if err != nil {
		return login{}, rotation.Permanent(fmt.Errorf("postgres: %s of secret %s: %s",
			what, req.SecretARN, oneLine(err)))
	}
	return l, nil
}

// Choose makes the next value: for a single user a new password, for
// alternating users the partner with a new password. All else is copied byte
// for byte.
func (r *Rotator) Choose(req rotation.Request) (rota.Value, error) {
	s, err := r.settings(req.Settings)
	if err != nil {
		return rota.Value{}, permanent(req, "choose a password", err)
	}
	l, d, err := parseLogin(req.Current, true)
	if err != nil {
		return rota.Value{}, permanent(req, "choose a password", err)
	}
	set := map[string]string{}
	if s.alternating {
		if set["username"], err = partner(l.user); err != nil {
			return rota.Value{}, permanent(req, "choose a user", err)
		}
	}
	if set["password"], err = generate(s.rule, req.Rand); err != nil {
		return rota.Value{}, fmt.Errorf("postgres: secret %s: %w", req.SecretARN, err)
	}
	return d.with(set)
}

// Spoil replaces the password by another that the settings could have made.
func (r *Rotator) Spoil(req rotation.Request, v rota.Value) (rota.Value, error) {
	s, err := r.settings(req.Settings)
	if err != nil {
		return rota.Value{}, permanent(req, "spoil a password", err)
	}
	l, d, err := parseLogin(v, true)
	if err != nil {
		return rota.Value{}, permanent(req, "spoil a password", err)
	}
	// A source that repeats itself would give back the very password.
	for range 2 {
		password, err := generate(s.rule, req.Rand)
		if err != nil {
			return rota.Value{}, fmt.Errorf("postgres: secret %s: %w", req.SecretARN, err)
		}
		if !rota.StringValue(password).Equal(l.password) {
			return d.with(map[string]string{"password": password})
		}
	}
	return rota.Value{}, fmt.Errorf("postgres: secret %s: spoil a password: the source of randomness does not vary", req.SecretARN)
}

// permanent words what is wrong with the secret itself: no retry mends it.
func permanent(req rotation.Request, op string, err error) error {
	return rotation.Permanent(fmt.Errorf("postgres: secret %s: %s: %s",
		req.SecretARN, op, oneLine(err)))
}

// asAWS makes an error with a sentence of AWS's functions, which operators
// search for as it is.
func asAWS(format string, args ...any) error { return rotation.Denied(fmt.Errorf(format, args...)) }

// oneLine is for joined errors.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
