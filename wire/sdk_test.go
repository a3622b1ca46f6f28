package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
)

// shapes are the structures of every operation.
func shapes() map[string]func() (Input, Output) {
	return map[string]func() (Input, Output){
		"BatchGetSecretValue":  func() (Input, Output) { return &BatchGetSecretValueInput{}, &BatchGetSecretValueOutput{} },
		"CancelRotateSecret":   func() (Input, Output) { return &CancelRotateSecretInput{}, &CancelRotateSecretOutput{} },
		"CreateSecret":         func() (Input, Output) { return &CreateSecretInput{}, &CreateSecretOutput{} },
		"DeleteResourcePolicy": func() (Input, Output) { return &DeleteResourcePolicyInput{}, &DeleteResourcePolicyOutput{} },
		"DeleteSecret":         func() (Input, Output) { return &DeleteSecretInput{}, &DeleteSecretOutput{} },
		"DescribeSecret":       func() (Input, Output) { return &DescribeSecretInput{}, &DescribeSecretOutput{} },
		"GetRandomPassword":    func() (Input, Output) { return &GetRandomPasswordInput{}, &GetRandomPasswordOutput{} },
		"GetResourcePolicy":    func() (Input, Output) { return &GetResourcePolicyInput{}, &GetResourcePolicyOutput{} },
		"GetSecretValue":       func() (Input, Output) { return &GetSecretValueInput{}, &GetSecretValueOutput{} },
		"ListSecretVersionIds": func() (Input, Output) { return &ListSecretVersionIdsInput{}, &ListSecretVersionIdsOutput{} },
		"ListSecrets":          func() (Input, Output) { return &ListSecretsInput{}, &ListSecretsOutput{} },
		"PutResourcePolicy":    func() (Input, Output) { return &PutResourcePolicyInput{}, &PutResourcePolicyOutput{} },
		"PutSecretValue":       func() (Input, Output) { return &PutSecretValueInput{}, &PutSecretValueOutput{} },
		"RemoveRegionsFromReplication": func() (Input, Output) {
			return &RemoveRegionsFromReplicationInput{}, &RemoveRegionsFromReplicationOutput{}
		},
		"ReplicateSecretToRegions": func() (Input, Output) { return &ReplicateSecretToRegionsInput{}, &ReplicateSecretToRegionsOutput{} },
		"RestoreSecret":            func() (Input, Output) { return &RestoreSecretInput{}, &RestoreSecretOutput{} },
		"RotateSecret":             func() (Input, Output) { return &RotateSecretInput{}, &RotateSecretOutput{} },
		"StopReplicationToReplica": func() (Input, Output) { return &StopReplicationToReplicaInput{}, &StopReplicationToReplicaOutput{} },
		"TagResource":              func() (Input, Output) { return &TagResourceInput{}, &TagResourceOutput{} },
		"UntagResource":            func() (Input, Output) { return &UntagResourceInput{}, &UntagResourceOutput{} },
		"UpdateSecret":             func() (Input, Output) { return &UpdateSecretInput{}, &UpdateSecretOutput{} },
		"UpdateSecretVersionStage": func() (Input, Output) { return &UpdateSecretVersionStageInput{}, &UpdateSecretVersionStageOutput{} },
		"ValidateResourcePolicy":   func() (Input, Output) { return &ValidateResourcePolicyInput{}, &ValidateResourcePolicyOutput{} },
	}
}

// fill puts a value that the model allows into every member of v. name is
// that of the member that v is or is in.
func fill(v reflect.Value, name string, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[rota.Value]() {
		val := rota.StringValue(fmt.Sprintf("\"välue\" %d\n", *n))
		if name == "SecretBinary" {
			val = rota.BinaryValue([]byte{byte(*n), 0, 0xff, '"'})
		}
		v.Set(reflect.ValueOf(val))
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.UnixMilli(1790000000000 + int64(*n))))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, n)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				fill(v.Field(i), f.Name, n)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 { // a blob
			v.SetBytes([]byte{byte(*n), 0, 0xff, '"'})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), name, n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, "", n)
			fill(value, "", n)
			v.SetMapIndex(key, value)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(10 + int64(*n)%10)
	case reflect.String:
		v.SetString(sample(name, v.Type().Name(), *n))
	default:
		panic("cannot fill " + v.Type().String())
	}
}

func sample(name, typ string, n int) string {
	switch {
	case name == "Region" || name == "RemoveReplicaRegions":
		return fmt.Sprintf("eu-west-%d", n)
	case name == "Duration":
		return fmt.Sprintf("%dh", n%10)
	case name == "ScheduleExpression":
		return fmt.Sprintf("rate(%d days)", n)
	case name == "SortBy":
		return "last-changed-date"
	case name == "SortOrder":
		return "desc"
	case typ == "FilterNameStringType":
		return "tag-key"
	}
	return fmt.Sprintf("0123456789abcdef0123456789abcdef-%06d", n) // 39 characters are right everywhere else
}

// plain turns a structure, ours or the SDK's, into maps, lists, strings and
// numbers, without its absent members.
func plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case rota.Value:
		if x.IsZero() {
			return nil
		}
		return string(x.Reveal())
	case []byte:
		if x == nil {
			return nil
		}
		return string(x)
	case time.Time:
		if x.IsZero() {
			return nil
		}
		return x.UnixMilli()
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		m := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Name == "ResultMetadata" {
				continue
			}
			if p := plain(v.Field(i)); p != nil {
				m[f.Name] = p
			}
		}
		return m
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		list := []any{}
		for i := range v.Len() {
			list = append(list, plain(v.Index(i)))
		}
		return list
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			m[k.String()] = plain(v.MapIndex(k))
		}
		return m
	case reflect.Bool:
		return v.Bool()
	case reflect.String:
		if v.String() == "" {
			return nil
		}
		return v.String()
	default:
		return v.Int()
	}
}

// server answers with out or an error, and keeps what it was asked.
type server struct {
	verifier *Verifier
	out      Output
	err      error
	asked    Input
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := s.serve(w, r)
	if err != nil {
		_ = WriteError(w, "request-1", err)
	}
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if _, err := s.verifier.Verify(r, body); err != nil {
		return err
	}
	_, op, err := Target(r.Header)
	if err != nil {
		return err
	}
	s.asked, _ = shapes()[op]()
	if err := Decode(body, s.asked); err != nil {
		return err
	}
	if s.err != nil {
		return s.err
	}
	return Write(w, "request-1", Encode(s.out))
}

func newSDKClient(t *testing.T, s *server) *secretsmanager.Client {
	t.Helper()
	s.verifier = newVerifier()
	s.verifier.Now = time.Now
	s.verifier.Keys = testKeys{testID: newKeys()[testID]}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(srv.URL),
		Region:       testRegion,
		Credentials:  credentials.NewStaticCredentialsProvider(testID, testSecret, ""),
		Retryer:      aws.NopRetryer{},
	})
}

func TestEveryOperationTravelsBetweenTheSDKAndTheseShapesWhole(t *testing.T) {
	s := &server{}
	client := reflect.ValueOf(newSDKClient(t, s))
	if ops := Operations(); len(ops) != len(shapes()) {
		t.Fatalf("the test knows %d operations of %d", len(shapes()), len(ops))
	}
	for op, make := range shapes() {
		t.Run(op, func(t *testing.T) {
			n := 0
			_, s.out = make()
			fill(reflect.ValueOf(s.out).Elem(), "", &n)

			method := client.MethodByName(op)
			in := reflect.New(method.Type().In(1).Elem())
			fill(in.Elem(), "", &n)
			results := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
			if err, _ := results[1].Interface().(error); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(plain(in), plain(reflect.ValueOf(s.asked))); d != "" {
				t.Error("the request differs from what the SDK sent (-) in what was decoded (+):", d)
			}
			if d := cmp.Diff(plain(reflect.ValueOf(s.out)), plain(results[0])); d != "" {
				t.Error("the response differs from what was encoded (-) in what the SDK got (+):", d)
			}
		})
	}
}

func TestEveryErrorArrivesInTheSDKWithItsTypeAndText(t *testing.T) {
	s := &server{}
	client := newSDKClient(t, s)
	for code := range rows {
		t.Run(string(code), func(t *testing.T) {
			s.err = rota.E(code, "the text of %q", code)
			_, err := client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("a")})
			var api smithy.APIError
			if !errors.As(err, &api) {
				t.Fatalf("got %v", err)
			}
			text := fmt.Sprintf("the text of %q", code)
			if code == rota.Internal {
				text = rows[code].text
			}
			if api.ErrorCode() != rows[code].name || api.ErrorMessage() != text {
				t.Errorf("got %s: %s", api.ErrorCode(), api.ErrorMessage())
			}
			if !strings.Contains(err.Error(), "RequestID: request-1") {
				t.Errorf("no request id in %v", err)
			}
		})
	}
}

func TestTheSDKWithTheWrongSecretIsRefused(t *testing.T) {
	s := &server{out: &GetSecretValueOutput{}}
	client := newSDKClient(t, s)
	_, err := client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("a")}, func(o *secretsmanager.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(testID, testSecret+"x", "")
	})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "InvalidSignatureException" || s.asked != nil {
		t.Errorf("got %v", err)
	}
}

func TestSignTravelsOverARealConnection(t *testing.T) {
	s := &server{out: &DescribeSecretOutput{ARN: "arn"}, verifier: newVerifier()}
	srv := httptest.NewServer(s)
	defer srv.Close()
	req, err := http.NewRequest("POST", srv.URL, strings.NewReader(testBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", ContentType)
	req.Header.Set("X-Amz-Target", "secretsmanager.DescribeSecret")
	Sign(req, []byte(testBody), testID, testSecret, testRegion, Service, testNow)
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || string(body) != `{"ARN":"arn"}` {
		t.Errorf("got %d %s %v", resp.StatusCode, body, err)
	}
	if resp.Header.Get("Date") == "" {
		t.Error("no Date header, by which clients mend their clock")
	}
}
