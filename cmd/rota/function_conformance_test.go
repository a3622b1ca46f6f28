package main

import (
	"context"
	"errors"
	"os"
	"slices"

	runtime "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
)

// doorFunction is a rotation function for a provider that is the file DOOR,
// which holds the one password that is accepted. With WRONG set it tests
// nothing.
func doorFunction() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	client := secretsmanager.NewFromConfig(cfg)
	runtime.Start(func(ctx context.Context, e rota.Event) error { return openDoor(ctx, client, e) })
}

func openDoor(ctx context.Context, client *secretsmanager.Client, e rota.Event) error {
	s, err := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretID})
	if err != nil {
		return err
	}
	labels := s.VersionIdsToStages[e.ClientRequestToken]
	switch {
	case !aws.ToBool(s.RotationEnabled):
		return errors.New("rotation is off")
	case slices.Contains(labels, rota.Current):
		return nil
	case !slices.Contains(labels, rota.Pending):
		return errors.New("the version is not AWSPENDING")
	}
	got, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &e.SecretID, VersionId: &e.ClientRequestToken})
	if e.Step == rota.CreateSecret {
		if err == nil {
			return nil
		}
		_, err = client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &e.SecretID, ClientRequestToken: &e.ClientRequestToken, SecretString: aws.String(newID()), VersionStages: []string{rota.Pending},
		})
		return err
	}
	if err != nil {
		return err
	}
	switch e.Step {
	case rota.SetSecret:
		return os.WriteFile(os.Getenv("DOOR"), []byte(*got.SecretString), 0o600)
	case rota.TestSecret:
		b, err := os.ReadFile(os.Getenv("DOOR"))
		if err == nil && string(b) != *got.SecretString && os.Getenv("WRONG") == "" {
			err = errors.New("refused")
		}
		return err
	case rota.FinishSecret:
		for version, labels := range s.VersionIdsToStages {
			if slices.Contains(labels, rota.Current) {
				_, err = client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
					SecretId: &e.SecretID, VersionStage: aws.String(rota.Current), MoveToVersionId: &e.ClientRequestToken, RemoveFromVersionId: &version,
				})
			}
		}
		return err
	}
	return errors.New("unknown step")
}
