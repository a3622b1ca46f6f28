package lambda

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotahq/rota"
)

func TestASecretKeepsItsARN(t *testing.T) {
	for _, c := range []struct{ name, arn, secret, want string }{
		{"of a name with hyphens", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-b/c-d-AbCdEf", "a-b/c-d", ""},
		{"in China", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x-AbCdEf", "x", ""},
		{"in a GovCloud", "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x-AbCdEf", "x", ""},
		{"of another secret", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:y-AbCdEf", "x", "none of a secret of that name"},
		{"of another service", "arn:aws:ssm:eu-west-1:123456789012:secret:x-AbCdEf", "x", "none of a secret of that name"},
		{"that is none", "x", "x", "none of a secret of that name"},
		{"that is too short", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:-AbCdEf", "", "none of a secret of that name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := identity(c.arn, c.secret)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if err == nil && s.ARN() != c.arn {
				t.Errorf("it comes back as %s", s.ARN())
			}
		})
	}
}

// TestRotationThatWasNeverSetUpIsNotOneThatIsOff: AWS leaves RotationEnabled
// out, and handlers refuse a secret whose rotation is off.
func TestRotationThatWasNeverSetUpIsNotOneThatIsOff(t *testing.T) {
	for enabled, want := range map[*bool]rota.Rotation{
		nil: {}, aws.Bool(false): {Configured: true}, aws.Bool(true): {Configured: true, Enabled: true},
	} {
		s, err := described(&secretsmanager.DescribeSecretOutput{ARN: aws.String(secretARN), Name: aws.String("app/db"), RotationEnabled: enabled})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, s.Rotation); d != "" {
			t.Error(d)
		}
	}
}

func TestAnErrorOfAWSHasItsSentenceAndItsCode(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		code rota.Code
		want string
	}{
		{"a secret that is not there", &types.ResourceNotFoundException{Message: aws.String("no secret")}, rota.NotFound, "GetSecretValue app/x: ResourceNotFoundException: no secret"},
		{"a permission that lacks", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}, rota.AccessDenied, "docs/aws-lambda.md lists what the role needs"},
		{"what nobody knows", &smithy.GenericAPIError{Code: "SomethingElse", Message: "strange"}, rota.Internal, "SomethingElse: strange"},
		{"no connection", &smithy.OperationError{ServiceID: "Secrets Manager", Err: errors.New("dial tcp")}, rota.Internal, "AWS cannot be asked: dial tcp"},
		{"no answer in time", &smithy.OperationError{Err: context.DeadlineExceeded}, rota.Internal, "no answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := failed("GetSecretValue", "app/x", c.err)
			if rota.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s with %q", rota.CodeOf(err), err, c.code, c.want)
			}
		})
	}
	if failed("GetSecretValue", "app/x", nil) != nil {
		t.Error("no error became one")
	}
}
