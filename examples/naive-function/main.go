// Command naive-function is a rotation function as one writes it first: it
// works, and is wrong. It rotates a key of an outside API that issues keys
// (rota function provider), and has two weaknesses that only show when it dies
// at the wrong moment:
//
//   - createSecret has the API make a key, and stores it afterwards. If it dies
//     in between, the key lives and nobody knows it. This is called
//     create-then-store.
//   - finishSecret moves AWSCURRENT, and revokes the old key afterwards. If it
//     dies in between, the retry finds its work done, and the old key lives on.
//
// docs/conformance.md shows how rota function test finds both, and what is
// right instead. Do not copy this function: rota function new writes one.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

type event struct {
	Step, SecretId, ClientRequestToken string
}

// value is what the secret holds; the admin's has a token instead of a key.
type value struct {
	URL   string `json:"url"`
	ID    string `json:"id,omitempty"`
	Key   string `json:"key,omitempty"`
	Token string `json:"token,omitempty"`
}

type function struct {
	secrets *secretsmanager.Client
	admin   string // the admin's secret
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	f := &function{secretsmanager.NewFromConfig(cfg), os.Getenv("ADMIN_SECRET_ID")}
	lambda.Start(f.handle)
}

func (f *function) handle(ctx context.Context, e event) error {
	s, err := f.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretId})
	if err != nil {
		return err
	}
	if !aws.ToBool(s.RotationEnabled) {
		return errors.New("rotation is off")
	}
	labels := s.VersionIdsToStages[e.ClientRequestToken]
	if slices.Contains(labels, "AWSCURRENT") {
		return nil // done already
	}
	if !slices.Contains(labels, "AWSPENDING") {
		return fmt.Errorf("version %s is not AWSPENDING", e.ClientRequestToken)
	}
	switch e.Step {
	case "createSecret":
		return f.create(ctx, e)
	case "setSecret": // the API made the key: it is set
		_, err := f.get(ctx, e.SecretId, e.ClientRequestToken)
		return err
	case "testSecret":
		v, err := f.get(ctx, e.SecretId, e.ClientRequestToken)
		if err != nil {
			return err
		}
		return call(ctx, http.MethodGet, v.URL+"/whoami", v.Key, nil, nil)
	case "finishSecret":
		return f.finish(ctx, e, s.VersionIdsToStages)
	}
	return fmt.Errorf("unknown step %s", e.Step)
}

// create keeps the value that AWSPENDING has, or makes one.
func (f *function) create(ctx context.Context, e event) error {
	_, err := f.get(ctx, e.SecretId, e.ClientRequestToken)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return err
	}
	admin, err := f.get(ctx, f.admin, "")
	if err != nil {
		return err
	}
	next := value{URL: admin.URL}
	if err := call(ctx, http.MethodPost, admin.URL+"/keys", admin.Token, map[string]string{"name": "app"}, &next); err != nil {
		return err
	}
	// Here is the weakness: the key lives, and only this process knows it.
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	_, err = f.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &e.SecretId, ClientRequestToken: &e.ClientRequestToken, SecretString: aws.String(string(b)), VersionStages: []string{"AWSPENDING"},
	})
	return err
}

// finish makes the new value the current one, and revokes the old key.
func (f *function) finish(ctx context.Context, e event, versions map[string][]string) error {
	if _, err := f.get(ctx, e.SecretId, e.ClientRequestToken); err != nil {
		return err
	}
	old, err := f.get(ctx, e.SecretId, "")
	if err != nil {
		return err
	}
	admin, err := f.get(ctx, f.admin, "")
	if err != nil {
		return err
	}
	for version, labels := range versions {
		if slices.Contains(labels, "AWSCURRENT") {
			_, err = f.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: &e.SecretId, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &e.ClientRequestToken, RemoveFromVersionId: &version,
			})
			if err != nil {
				return err
			}
		}
	}
	return call(ctx, http.MethodDelete, admin.URL+"/keys/"+old.ID, admin.Token, nil, nil)
}

// get reads a version, or with "" the current one.
func (f *function) get(ctx context.Context, id, version string) (v value, err error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if version != "" {
		in.VersionId, in.VersionStage = &version, aws.String("AWSPENDING")
	}
	out, err := f.secrets.GetSecretValue(ctx, in)
	if err != nil {
		return v, err
	}
	if json.Unmarshal([]byte(*out.SecretString), &v) != nil {
		err = errors.New("the value is not what this function writes")
	}
	return v, err
}

// call calls the API that issues keys.
func call(ctx context.Context, method, url, token string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s answers %d", method, res.StatusCode)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}
