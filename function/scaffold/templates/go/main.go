// Command bootstrap is a rotation function for AWS Lambda, built with rota: the
// four steps, retries and the ending of old keys are rota's, and rotator.go is
// what it has to know of your API.
package main

import (
	"context"
	"crypto/rand"
	"log"
	"log/slog"
	"os"
	"time"

	runtime "github.com/aws/aws-lambda-go/lambda"

	"github.com/rotahq/rota/function/lambda"
	"github.com/rotahq/rota/rotation"
)

func main() {
	secrets, timers, err := lambda.Clients(context.Background(), os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	catalog, err := rotation.NewCatalog(keys{})
	if err != nil {
		log.Fatal(err)
	}
	// The allow-list: ROTA_ALLOW_ROTATORS, ROTA_ALLOW_HOSTS and
	// ROTA_ALLOW_ADMIN_SECRETS. Empty allows nothing.
	allow := lambda.AllowFrom(os.Getenv)
	if catalog, err = lambda.Guarded(catalog, allow); err != nil {
		log.Fatal(err)
	}
	f := &lambda.Function{
		Catalog: catalog, Secrets: secrets, Scheduler: timers, Allow: allow, Env: os.Getenv, Now: time.Now, Rand: rand.Reader,
		Log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	}
	runtime.Start(f.Handle)
}
