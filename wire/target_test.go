package wire

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

const serviceLambda = "lambda"

// targets are paths as clients send them.
var targets = []string{
	"/2015-03-31/functions/fn/invocations",
	"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Afn/invocations",
	"/2015-03-31/functions/arn:aws:lambda:eu-west-1:000000000000:function:fn/invocations",
	"/2015-03-31/functions/fn/invocations?Qualifier=%24LATEST",
	"/2015-03-31/functions/fn/invocations?b=2&a=1&a=0&c=x%20y%2Bz",
	"/2015-03-31/functions/fn/invocations?z=1&%C3%A9=2&a-b=3&a=z&a=%C3%A9&a",
	"/2015-03-31/functions/a%20b%2Fc/invocations",
	"/",
}

func TestPathAndQueryAreSignedAsTheSDKSignsThem(t *testing.T) {
	v := newVerifier()
	for _, target := range targets {
		r := httptest.NewRequest(http.MethodPost, "http://"+testHost+target, strings.NewReader(testBody))
		sdkSign(t, r, testBody, testID, testRegion, serviceLambda, testNow)
		if _, err := v.VerifyPath(r, []byte(testBody), serviceLambda); err != nil {
			t.Errorf("%s signed by the SDK: %v", target, err)
		}
		Sign(r, []byte(testBody), testID, testSecret, testRegion, serviceLambda, testNow)
		if _, err := v.VerifyPath(r, []byte(testBody), serviceLambda); err != nil {
			t.Errorf("%s signed by Sign: %v", target, err)
		}
		for _, change := range []string{"fn2", "?x=1"} {
			other := r.Clone(r.Context())
			if change == "?x=1" {
				other.URL.RawQuery += "&x=1"
			} else {
				other.URL.Path, other.URL.RawPath = other.URL.Path+"x", ""
			}
			if _, err := v.VerifyPath(other, []byte(testBody), serviceLambda); rota.CodeOf(err) != rota.InvalidSignature {
				t.Errorf("%s with another target (%s): %v", target, change, err)
			}
		}
	}
}

func TestASignatureIsForOneService(t *testing.T) {
	v := newVerifier()
	r := httptest.NewRequest(http.MethodPost, "http://"+testHost+targets[0], strings.NewReader(testBody))
	sdkSign(t, r, testBody, testID, testRegion, Service, testNow)
	if _, err := v.VerifyPath(r, []byte(testBody), serviceLambda); rota.CodeOf(err) != rota.InvalidSignature {
		t.Errorf("signed for %s: %v", Service, err)
	}
	r = newRequest(testBody)
	sdkSign(t, r, testBody, testID, testRegion, serviceLambda, testNow)
	if _, err := v.Verify(r, []byte(testBody)); rota.CodeOf(err) != rota.InvalidSignature {
		t.Errorf("signed for %s: %v", serviceLambda, err)
	}
	r = httptest.NewRequest(http.MethodPost, "http://"+testHost+targets[0]+"?a=%zz", strings.NewReader(testBody))
	Sign(r, []byte(testBody), testID, testSecret, testRegion, serviceLambda, testNow)
	if _, err := v.VerifyPath(r, []byte(testBody), serviceLambda); rota.CodeOf(err) != rota.InvalidSignature {
		t.Errorf("a query that cannot be read: %v", err)
	}
}
