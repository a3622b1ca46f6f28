package wire

import (
	"context"
	"errors"
	"testing"

	"github.com/rotahq/rota"
)

// asked is Keys that notes what it was asked for.
type asked struct {
	testKeys
	id, token string
}

func (a *asked) Key(ctx context.Context, id, token string) (Key, error) {
	a.id, a.token = id, token
	k, err := a.testKeys.Key(ctx, id, token)
	k.Holder = "whoever has " + id
	return k, err
}

func TestKeysAreAskedWithTheTokenAndTheirHolderIsPassedOn(t *testing.T) {
	keys := &asked{testKeys: newKeys()}
	v := newVerifier()
	v.Keys = keys
	for id, token := range map[string]string{testID: "", "ASIDSESSION": testToken} {
		r := newRequest(testBody)
		if token != "" {
			r.Header.Set(tokenHeader, token)
		}
		Sign(r, []byte(testBody), id, testSecret, testRegion, Service, testNow)
		who, err := v.Verify(r, []byte(testBody))
		if err != nil || keys.id != id || keys.token != token || who.Holder != "whoever has "+id || who.Caller.AccessKey != id {
			t.Errorf("%s: asked for %q with %q, got %v, %v", id, keys.id, keys.token, who.Holder, err)
		}
	}
}

// TestAKeyThatIsNotThereIsRefusedAsOneWhateverElseIsWrong: its signature is
// computed all the same, and neither its result nor what is wrong with the
// rest of the request changes the answer.
func TestAKeyThatIsNotThereIsRefusedAsOneWhateverElseIsWrong(t *testing.T) {
	v := newVerifier()
	for name, secret := range map[string]string{"any secret": "any", "the one that it is computed with": ""} {
		for _, sum := range []string{"", "UNSIGNED-PAYLOAD"} {
			r := newRequest(testBody)
			if sum != "" {
				r.Header.Set("X-Amz-Content-Sha256", sum)
			}
			Sign(r, []byte(testBody), "AKIANOBODY", secret, testRegion, Service, testNow)
			who, err := v.Verify(r, []byte(testBody))
			var e *rota.Error
			if !errors.As(err, &e) || e.Code != rota.UnrecognizedClient || e.Message != "The security token included in the request is invalid." || who.AccessKeyID != "" {
				t.Errorf("%s, %q: %v, %v", name, sum, who, err)
			}
		}
	}
}

// BenchmarkVerifyRefused: a key that is not there beside one whose signature
// is wrong.
func BenchmarkVerifyRefused(b *testing.B) {
	for name, id := range map[string]string{"unknown": "AKIANOBODY", "wrong secret": testID} {
		b.Run(name, func(b *testing.B) {
			v := newVerifier()
			r := newRequest(testBody)
			Sign(r, []byte(testBody), id, "wrong", testRegion, Service, testNow)
			for b.Loop() {
				_, _ = v.Verify(r, []byte(testBody))
			}
		})
	}
}
