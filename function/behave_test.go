//go:build linux

package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotahq/rota"
)

// behave is a rotation function that was not made for rota: it knows AWS's
// SDK, its environment, and the Runtime API. Its handler says "HOW STEP":
// until the file "mended" is in its folder it does in that step what HOW says.
func behave(handler string) {
	how, at, _ := strings.Cut(handler, " ")
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	f := &foreign{api: clientFromEnv()}
	for {
		res, err := http.Get(base + "invocation/next")
		if err != nil {
			os.Exit(9)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		id := res.Header.Get("Lambda-Runtime-Aws-Request-Id")
		post := func(what string, body []byte) {
			res, err := http.Post(base+"invocation/"+id+"/"+what, "application/json", bytes.NewReader(body))
			if err == nil {
				_ = res.Body.Close()
			}
		}
		f.event = rota.Event{}
		if how == "tells" {
			text, _ := json.Marshal([]string{id, res.Header.Get("Lambda-Runtime-Client-Context")})
			post("response", text)
			continue
		}
		if err := json.Unmarshal(body, &f.event); err != nil || f.event.Step == "" {
			post("response", body) // not a rotation: it echoes
			continue
		}
		mark("attempts", string(f.event.Step))
		_, mended := os.Stat("mended")
		if mended != nil && string(f.event.Step) == at {
			mark("misbehaved", how)
			if answered := f.misbehave(how, id, post); answered {
				continue
			}
		}
		if err := f.step(); err != nil {
			text, _ := json.Marshal(map[string]string{"errorType": "RotationError", "errorMessage": err.Error()})
			post("error", text)
			continue
		}
		post("response", []byte("null"))
	}
}

// mark adds a line to a file in the function's folder.
func mark(file, line string) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, _ = fmt.Fprintln(f, line)
		_ = f.Close()
	}
}

func clientFromEnv() *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: os.Getenv("AWS_REGION"), BaseEndpoint: aws.String(os.Getenv("SECRETS_MANAGER_ENDPOINT")), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
	})
}

// foreign is the function's own code, as AWS's template has it.
type foreign struct {
	api   *secretsmanager.Client
	event rota.Event
}

func (f *foreign) step() error {
	ctx := context.Background()
	id, token := &f.event.SecretID, &f.event.ClientRequestToken
	d, err := f.api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: id})
	if err != nil {
		return err
	}
	if d.RotationEnabled == nil || !*d.RotationEnabled || d.VersionIdsToStages[*token] == nil {
		return errors.New("the secret is not in rotation")
	}
	switch f.event.Step {
	case rota.CreateSecret:
		_, err := f.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: id, VersionId: token, VersionStage: aws.String("AWSPENDING")})
		var missing *types.ResourceNotFoundException
		if !errors.As(err, &missing) {
			return err
		}
		made, err := f.api.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{})
		if err != nil {
			return err
		}
		value, _ := json.Marshal(map[string]string{"username": "app", "password": *made.RandomPassword})
		_, err = f.api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: id, ClientRequestToken: token, SecretString: aws.String(string(value)), VersionStages: []string{"AWSPENDING"}, RotationToken: &f.event.RotationToken,
		})
		return err
	case rota.SetSecret, rota.TestSecret:
		_, err := f.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: id, VersionId: token, VersionStage: aws.String("AWSPENDING")})
		return err
	case rota.FinishSecret:
		for version, stages := range d.VersionIdsToStages {
			for _, s := range stages {
				if s == "AWSCURRENT" && version != *token {
					_, err := f.api.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
						SecretId: id, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: token, RemoveFromVersionId: aws.String(version),
					})
					return err
				}
			}
		}
		return nil
	}
	return fmt.Errorf("unknown step %s", f.event.Step)
}

// misbehave does what functions should not do. It is true if that was the
// answer.
func (f *foreign) misbehave(how, id string, post func(string, []byte)) bool {
	switch how {
	case "never-answers":
		select {}
	case "answers-twice":
		post("response", []byte("null"))
		post("response", []byte(`"again"`))
	case "floods":
		line := bytes.Repeat([]byte("flood "), 200)
		for range 20_000 {
			_, _ = os.Stdout.Write(line)
		}
		post("error", []byte(`{"errorType":"Flooded","errorMessage":"enough"}`))
	case "forks":
		for range 3 {
			lingering()
		}
		fallthrough
	case "exits":
		fmt.Println("no more")
		os.Exit(4)
	case "is-huge":
		post("response", bytes.Repeat([]byte("x"), 6_291_557))
		time.Sleep(time.Hour)
	case "dies-after":
		if err := f.step(); err == nil {
			post("response", []byte("null"))
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "prints-secrets":
		f.printSecrets()
		post("error", []byte(`{"errorType":"Leaky","errorMessage":"`+f.current()+` is the password"}`))
	case "pries":
		f.pry()
		post("error", []byte(`{"errorType":"Denied","errorMessage":"see the folder"}`))
	case "waits":
		for {
			if _, err := os.Stat("go"); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		return false // and does what it was sent for
	case "lies":
		post("response", []byte("null")) // without having done it
	case "answers-garbage":
		post("error", []byte("<html>"))
	default:
		return false
	}
	return true
}

func (f *foreign) current() string {
	out, err := f.api.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &f.event.SecretID})
	if err != nil {
		return err.Error()
	}
	var v struct{ Password string }
	_ = json.Unmarshal([]byte(*out.SecretString), &v)
	return v.Password
}

// printSecrets writes all that it knows into its log.
func (f *foreign) printSecrets() {
	fmt.Println("current", f.current())
	pending, err := f.api.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &f.event.SecretID, VersionStage: aws.String("AWSPENDING")})
	if err == nil {
		fmt.Println("pending", *pending.SecretString)
	}
	admin, err := f.api.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("admin/api")})
	if err == nil {
		fmt.Println("admin", *admin.SecretString)
	}
	fmt.Println("key", os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"), os.Getenv("API_TOKEN"))
}

// pry tries what is not for it, and says in its folder how it went: "may" or
// "may not", for each. Of its log the journal has but the end.
func (f *foreign) pry() {
	ctx := context.Background()
	say := func(what string, err error) {
		verdict := "may"
		if err != nil {
			verdict = "may not"
		}
		mark("pried", verdict+" "+what)
	}
	read := func(id string) error {
		_, err := f.api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
		return err
	}
	say("read its secret", read("app/key"))
	say("read another secret", read("other/secret"))
	say("read its admin secret", read("admin/api"))
	say("read the admin secret of another", read("admin/other"))
	_, err := f.api.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
	say("list secrets", err)
	_, err = f.api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: aws.String("admin/api"), SecretString: aws.String("x"), ClientRequestToken: aws.String(strings.Repeat("a", 36))})
	say("write its admin secret", err)
	_, err = f.api.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &f.event.SecretID})
	say("delete its secret", err)
	req, _ := http.NewRequest(http.MethodPost, os.Getenv("SECRETS_MANAGER_ENDPOINT"), strings.NewReader(`{"SecretId":"app/key"}`))
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			err = errors.New(res.Status)
		}
	}
	say("ask without credentials", err)
}

// lingering starts a process that outlives its parents: forked twice, in a
// session of its own, with nothing in its environment. Its argument is the
// function's folder, by which the test finds it.
func lingering() {
	exe, _ := os.Executable()
	dir, _ := filepath.Abs(".")
	c := exec.Command(exe, "linger", dir, "escape")
	c.Env, c.SysProcAttr = []string{}, &syscall.SysProcAttr{Setsid: true}
	out, err := c.StdoutPipe()
	if err != nil || c.Start() != nil {
		return
	}
	_, _ = out.Read(make([]byte, 1))
	_ = c.Wait()
}

func linger() {
	if len(os.Args) > 3 {
		exe, _ := os.Executable()
		c := exec.Command(exe, "linger", os.Args[2])
		c.Env, c.Stdout, c.SysProcAttr = []string{}, os.Stdout, &syscall.SysProcAttr{Setsid: true}
		if c.Start() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	fmt.Println("x")
	select {}
}
