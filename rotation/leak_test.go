package rotation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// talkative is a rotator that puts every value it sees into its errors.
type talkative struct {
	rotation.Minter
	rotation.Lister
	broken *string // which method fails
}

func (r talkative) fail(method string, req rotation.Request, more ...rota.Value) error {
	if *r.broken != method {
		return nil
	}
	text := "the " + method + " failed with"
	for _, v := range append(more, req.Current, req.Previous, req.Pending, req.Admin.Value) {
		text += fmt.Sprintf(" %s %q", v.Reveal(), v.Reveal())
	}
	return fmt.Errorf("%s", text)
}

func (r talkative) Try(ctx context.Context, req rotation.Request, v rota.Value) error {
	if err := r.fail("try", req, v); err != nil {
		return err
	}
	return r.Minter.Try(ctx, req, v)
}

func (r talkative) Mint(ctx context.Context, req rotation.Request) (rota.Value, error) {
	v, err := r.Minter.Mint(ctx, req)
	if err := r.fail("mint", req, v); err != nil {
		return v, err
	}
	return v, err
}

func (r talkative) Revoke(ctx context.Context, req rotation.Request, id string) error {
	if err := r.fail("revoke", req); err != nil {
		return err
	}
	return r.Lister.Revoke(ctx, req, id)
}

func (r talkative) Identify(req rotation.Request, v rota.Value) (rotation.Identity, error) {
	if err := r.fail("identify", req, v); err != nil {
		return rotation.Identity{}, err
	}
	return r.Minter.Identify(req, v)
}

func (r talkative) Plan(req rotation.Request) (rotation.Plan, error) {
	if err := r.fail("plan", req); err != nil {
		return rotation.Plan{}, err
	}
	return r.Minter.Plan(req)
}

func TestATalkativeRotatorShowsNoValue(t *testing.T) {
	for _, broken := range []string{"try", "mint", "revoke", "identify", "plan"} {
		t.Run(broken, func(t *testing.T) {
			which := ""
			w := newWorld(t, minted, serve, "next-rotation", func(r rotation.Rotator) rotation.Rotator {
				if m, ok := r.(rotation.Minter); ok {
					return talkative{m, r.(rotation.Lister), &which}
				}
				return r
			})
			values := []rota.Value{w.kind.first}
			w.rotate()
			values = append(values, w.current())
			w.rotate() // the first ended
			values = append(values, w.current())
			token := w.begin()
			which = broken
			failed := false
			look := func(step rota.Step, token string) {
				res, err := w.do(step, token)
				failed = failed || err != nil || len(res.Notes) > 0
				text := fmt.Sprintf("%v %+v %q", err, err, res.Notes)
				for _, c := range w.home.Rows() {
					text += fmt.Sprintf(" %+v", c)
				}
				for _, v := range values {
					secret := strings.Split(string(v.Reveal()), `"`)
					if part := secret[len(secret)-2]; strings.Contains(text, part) {
						t.Errorf("%s shows %s", step, strings.ReplaceAll(text, part, "<<<"+part+">>>"))
						return
					}
				}
			}
			for _, s := range steps {
				look(s, token)
			}
			which = ""
			w.steps(token)
			values = append(values, w.current())
			w.home.MoveByHand(name, "rota-ends-20261123T000000Z-11111111", token)
			w.pass(time.Hour)
			which = broken
			for _, version := range w.ends() {
				look(rota.ExpireSecret, version)
			}
			if !failed {
				t.Error("nothing failed")
			}
		})
	}
}
