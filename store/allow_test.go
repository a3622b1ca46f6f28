package store

import (
	"errors"
	"testing"

	"github.com/rotahq/rota"
)

func TestAnOperationThatAsksNobodyHasNoAnswer(t *testing.T) {
	yes := func(string, rota.Resource) error { return nil }
	for _, c := range []struct {
		what, op string
		may      func(string, rota.Resource) error
		asks     bool
		code     rota.Code
	}{
		{"an operation of AWS's that asks", "DescribeSecret", yes, true, ""},
		{"one that does not", "DescribeSecret", yes, false, rota.Internal},
		{"one of rota's own that does not", "rota:Show", yes, false, rota.Internal},
		{"the engine's own work for somebody", "renew the claim", yes, true, rota.AccessDenied},
		{"the engine's own work for the engine", "renew the claim", nil, false, ""},
		{"an operation of AWS's for the engine", "DescribeSecret", nil, false, ""},
	} {
		x := &session{Store: &Store{}, op: c.op, action: actionOf(c.op), c: rota.Caller{May: c.may}}
		ran := false
		err := x.run(func(x *session) error {
			ran = true
			if c.asks {
				return x.mayAll()
			}
			return nil
		})
		if code := rota.CodeOf(err); code != c.code {
			t.Errorf("%s: %v", c.what, err)
		}
		if errors.Is(err, rota.AccessDenied) == ran {
			t.Errorf("%s: it ran: %v", c.what, ran)
		}
	}
}

func TestTheARNThatASecretWouldHave(t *testing.T) {
	c := rota.Caller{Account: "123456789012", Region: "eu-west-1"}
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	for id, want := range map[string]string{
		"app/db":              arn + "app/db-??????",
		arn + "app/db-AbCdEf": arn + "app/db-AbCdEf",
		arn + "app/db":        arn + "app/db-??????",
		"arn:aws:secretsmanager:us-east-1:999999999999:secret:x": "arn:aws:secretsmanager:us-east-1:999999999999:secret:x-??????",
		"arn:nonsense": "arn:nonsense",
	} {
		if on := unseen(c, id, "asked"); on.ARN != want || on.Asked != "asked" {
			t.Errorf("%s: %+v, want %s", id, on, want)
		}
	}
}
