// Command go-function is a rotation function for the password of a PostgreSQL
// role, as one would deploy it to AWS Lambda (GOOS=linux go build -o
// bootstrap). It knows nothing of rota.
//
// The secret is {"host", "port", "dbname", "username", "password"}. The role
// may change its own password, so no other secret is needed. There is one
// password at a time: between setSecret and finishSecret AWSCURRENT is refused.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/jackc/pgx/v5"
)

// event is what Secrets Manager sends.
type event struct {
	Step               string
	SecretId           string
	ClientRequestToken string
	RotationToken      string
}

// value is what the secret holds.
type value struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	DBName   string `json:"dbname"`
	Username string `json:"username"`
	Password string `json:"password"`
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	f := &function{secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		if e := os.Getenv("SECRETS_MANAGER_ENDPOINT"); e != "" {
			o.BaseEndpoint = &e
		}
	})}
	lambda.Start(f.handle)
}

type function struct{ secrets *secretsmanager.Client }

func (f *function) handle(ctx context.Context, e event) error {
	secret, err := f.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretId})
	if err != nil {
		return err
	}
	stages, known := secret.VersionIdsToStages[e.ClientRequestToken]
	switch {
	case !aws.ToBool(secret.RotationEnabled):
		return errors.New("rotation of this secret is off")
	case !known:
		return fmt.Errorf("the secret has no version %s", e.ClientRequestToken)
	case slices.Contains(stages, "AWSCURRENT"):
		return nil
	case !slices.Contains(stages, "AWSPENDING"):
		return fmt.Errorf("version %s is not AWSPENDING", e.ClientRequestToken)
	}
	log.Printf("%s of %s", e.Step, *secret.Name)
	switch e.Step {
	case "createSecret":
		return f.create(ctx, e)
	case "setSecret":
		return f.set(ctx, e)
	case "testSecret":
		pending, err := f.read(ctx, e.SecretId, "AWSPENDING", &e.ClientRequestToken)
		if err != nil {
			return err
		}
		return pending.try(ctx)
	case "finishSecret":
		return f.finish(ctx, e, secret.VersionIdsToStages)
	}
	return fmt.Errorf("unknown step %s", e.Step)
}

func (f *function) read(ctx context.Context, arn, stage string, version *string) (v value, err error) {
	out, err := f.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionStage: &stage, VersionId: version})
	if err != nil {
		return v, err
	}
	if json.Unmarshal([]byte(aws.ToString(out.SecretString)), &v) != nil { // the error would hold the value
		return v, fmt.Errorf("%s is not the JSON that this function knows", stage)
	}
	return v, nil
}

// create chooses the new password, unless an earlier attempt did.
func (f *function) create(ctx context.Context, e event) error {
	_, err := f.read(ctx, e.SecretId, "AWSPENDING", &e.ClientRequestToken)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return err
	}
	v, err := f.read(ctx, e.SecretId, "AWSCURRENT", nil)
	if err != nil {
		return err
	}
	made, err := f.secrets.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(32), ExcludePunctuation: aws.Bool(true)})
	if err != nil {
		return err
	}
	v.Password = *made.RandomPassword
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	in := &secretsmanager.PutSecretValueInput{
		SecretId: &e.SecretId, ClientRequestToken: &e.ClientRequestToken, SecretString: aws.String(string(text)), VersionStages: []string{"AWSPENDING"},
	}
	if e.RotationToken != "" {
		in.RotationToken = &e.RotationToken
	}
	_, err = f.secrets.PutSecretValue(ctx, in)
	return err
}

// set sets it, with whichever password the server accepts now.
func (f *function) set(ctx context.Context, e event) error {
	pending, err := f.read(ctx, e.SecretId, "AWSPENDING", &e.ClientRequestToken)
	if err != nil {
		return err
	}
	current, err := f.read(ctx, e.SecretId, "AWSCURRENT", nil)
	if err != nil {
		return err
	}
	if same := pending; same.Username != current.Username || same.Host != current.Host || same.Port != current.Port || same.DBName != current.DBName {
		return errors.New("AWSPENDING and AWSCURRENT are not for the same role")
	}
	if pending.try(ctx) == nil {
		return nil
	}
	db, err := current.login(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close(ctx) }()
	// ALTER ROLE takes no parameters; the server quotes them.
	var statement string
	if err := db.QueryRow(ctx, "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", pending.Username, pending.Password).Scan(&statement); err != nil {
		return errors.New("the password could not be quoted")
	}
	if _, err := db.Exec(ctx, statement); err != nil {
		return errors.New("the password could not be set") // the error would hold the statement
	}
	return nil
}

func (v value) login(ctx context.Context) (*pgx.Conn, error) {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(v.Username, v.Password), Host: net.JoinHostPort(v.Host, strconv.Itoa(v.Port)),
		Path: "/" + v.DBName, RawQuery: "connect_timeout=5",
	}
	db, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("%s cannot log in to %s", v.Username, v.Host) // pgx's error could hold the password
	}
	return db, nil
}

func (v value) try(ctx context.Context) error {
	db, err := v.login(ctx)
	if err != nil {
		return err
	}
	return db.Close(ctx)
}

func (f *function) finish(ctx context.Context, e event, versions map[string][]string) error {
	for version, stages := range versions {
		if slices.Contains(stages, "AWSCURRENT") {
			_, err := f.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: &e.SecretId, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &e.ClientRequestToken, RemoveFromVersionId: &version,
			})
			return err
		}
	}
	return errors.New("the secret has no AWSCURRENT")
}
