package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/server"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/sqlite"
	"github.com/rotahq/rota/wire"
)

// The place in which all secrets of a run are.
const (
	Account = "123456789012"
	Region  = "us-east-1"

	functionARN = "arn:aws:lambda:" + Region + ":" + Account + ":function:conformance"
	principal   = "arn:aws:iam::" + Account + ":role/conformance"
	owner       = "conformance"
)

// service is the service's side of a rotation: a real store, and a real server
// on a port of its own with the proxy before it. It has no engine: what the
// engine or AWS would do, the cases do.
type service struct {
	*store.Store
	driver *sqlite.Driver
	http   *http.Server
	served chan error
	url    string
	proxy  *proxy
}

var system = rota.Caller{Account: Account, Region: Region}

// keys are the credentials of the processes.
type keys struct{ p *proxy }

func (k keys) Key(_ context.Context, id, _ string) (wire.Key, error) {
	secret, ok := k.p.secretOf(id)
	if !ok {
		return wire.Key{}, rota.NotFound
	}
	return wire.Key{Secret: rota.StringValue(secret), Caller: rota.Caller{Principal: principal, Account: Account}}, nil
}

// grants let every function do everything, as the tests of what a function may
// do are not this kit's.
type grants struct{ all server.Grant }

func (g grants) Grant(context.Context, wire.Identity) (server.Grant, error) { return g.all, nil }
func (g grants) GrantOf(context.Context, string) (server.Grant, error)      { return g.all, nil }

// startService starts the service's side, which keeps what it knows in an empty
// folder.
func startService(ctx context.Context, c Config, folder string) (s *service, err error) {
	driver, err := sqlite.Open(ctx, filepath.Join(folder, "rota.db"), c.Now)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = driver.Close()
		}
	}()
	sealer, err := seal.Create(filepath.Join(folder, "seal.key"))
	if err != nil {
		return nil, err
	}
	s = &service{driver: driver, served: make(chan error, 1)}
	s.Store, err = store.Open(ctx, driver, store.Config{Account: Account, Region: Region, Sealer: sealer, NewID: c.NewID, Rand: c.Rand})
	if err != nil {
		return nil, err
	}
	all, err := server.FullAccess(principal)
	if err != nil {
		return nil, err
	}
	s.proxy = newProxy()
	s.proxy.next = server.New(server.Config{
		Store: s.Store, NewID: c.NewID, Log: slog.New(slog.DiscardHandler), Grants: grants{all}, ClockHeld: func() string { return "" },
		Healthy: func(context.Context) error { return nil },
		Verifier: &wire.Verifier{
			Keys: keys{s.proxy}, Now: time.Now, Services: []string{wire.Service}, Region: func(r string) bool { return r == Region },
		},
	})
	address := c.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s.url = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: s.proxy, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { s.served <- s.http.Serve(l) }()
	return s, nil
}

func (s *service) close() error {
	err := s.http.Close()
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, s.driver.Close())
}

// create makes a secret and returns its ARN and its first version.
func (s *service) create(ctx context.Context, name, version string, v rota.Value, tags []rota.Tag) (rota.Secret, error) {
	_, err := s.CreateSecret(ctx, system, store.CreateSecretInput{Name: name, ClientRequestToken: version, Value: v, Tags: tags})
	if err != nil {
		return rota.Secret{}, err
	}
	return s.describe(ctx, name)
}

func (s *service) describe(ctx context.Context, id string) (rota.Secret, error) {
	return s.DescribeSecret(ctx, system, store.DescribeSecretInput{SecretID: id})
}

// begin is RotateSecret: an empty version under AWSPENDING, or with test the
// copy of RotateImmediately=false. It returns the RotationToken.
func (s *service) begin(ctx context.Context, id, token string, test bool) (string, error) {
	arn, now := functionARN, !test
	_, err := s.RotateSecret(ctx, system, store.RotateSecretInput{SecretID: id, ClientRequestToken: token, RotationLambdaARN: &arn, RotateImmediately: &now})
	if err != nil {
		return "", err
	}
	sec, err := s.describe(ctx, id)
	if err != nil {
		return "", err
	}
	task, err := s.Task(ctx, sec.Key)
	return task.RotationToken, err
}

// under runs one of the engine's writes under the claim of the secret.
func (s *service) under(ctx context.Context, id string, f func(rota.Caller) error) error {
	sec, err := s.describe(ctx, id)
	if err != nil {
		return err
	}
	claim, _, err := s.Claim(ctx, system, store.ClaimRequest{Secret: sec.Key, Owner: owner, For: time.Minute})
	if err != nil {
		return err
	}
	c := system
	c.Claim = claim
	return errors.Join(f(c), s.Release(ctx, claim))
}

// complete ends a rotation that moved AWSCURRENT.
func (s *service) complete(ctx context.Context, id string) error {
	return s.under(ctx, id, func(c rota.Caller) error { return s.Complete(ctx, c) })
}

// giveUp ends the attempts of a rotation: AWSPENDING is taken off its version.
func (s *service) giveUp(ctx context.Context, id string) error {
	return s.under(ctx, id, func(c rota.Caller) error { return s.Abandon(ctx, c, "given up") })
}

// completeTest ends the test of RotateImmediately=false.
func (s *service) completeTest(ctx context.Context, id string) error {
	return s.under(ctx, id, func(c rota.Caller) error { return s.CompleteTest(ctx, c) })
}

// put stores a value as a person does, or fills AWSPENDING.
func (s *service) put(ctx context.Context, id, version string, v rota.Value, labels ...rota.Label) error {
	_, err := s.PutSecretValue(ctx, system, store.PutSecretValueInput{SecretID: id, ClientRequestToken: version, Value: v, VersionStages: labels})
	return err
}

// label attaches a label to a version, as a person does.
func (s *service) label(ctx context.Context, id string, l rota.Label, to string) error {
	_, err := s.UpdateSecretVersionStage(ctx, system, store.UpdateSecretVersionStageInput{SecretID: id, VersionStage: l, MoveToVersionID: to})
	return err
}

// value is that of a version, zero if it has none.
func (s *service) value(ctx context.Context, id, version string) (rota.Value, error) {
	if version == "" {
		return rota.Value{}, nil
	}
	out, err := s.GetSecretValue(ctx, system, store.GetSecretValueInput{SecretID: id, VersionID: version})
	if errors.Is(err, rota.NotFound) {
		return rota.Value{}, nil
	}
	return out.Value, err
}

// state is a secret at one moment: AWS's labels, by which everything is
// judged, and the values of all versions that the case knows.
type state struct {
	labels map[rota.Label]string // the version that each is on
	values map[string]rota.Value
}

func (s *service) state(ctx context.Context, id string, versions []string) (state, error) {
	sec, err := s.describe(ctx, id)
	if err != nil {
		return state{}, err
	}
	st := state{labels: map[rota.Label]string{}, values: map[string]rota.Value{}}
	for _, l := range awsLabels {
		if v := sec.VersionOf(l); v != "" {
			st.labels[l] = v
			if !slices.Contains(versions, v) {
				versions = append(slices.Clone(versions), v)
			}
		}
	}
	for _, v := range versions {
		if st.values[v], err = s.value(ctx, id, v); err != nil {
			return state{}, fmt.Errorf("read version %s: %w", v, err)
		}
	}
	return st, nil
}

var awsLabels = []rota.Label{rota.Current, rota.Pending, rota.Previous}

// sameLabels reports whether AWS's labels are where they were.
func (a state) sameLabels(b state) bool {
	for _, l := range awsLabels {
		if a.labels[l] != b.labels[l] {
			return false
		}
	}
	return true
}

// sameValues reports whether every version that had a value has the same one.
func (a state) sameValues(b state) bool {
	for version, v := range a.values {
		if !v.IsZero() && !v.Equal(b.values[version]) {
			return false
		}
	}
	return true
}

func (a state) current() rota.Value { return a.values[a.labels[rota.Current]] }

// random is what ids of processes are made from.
func random(r io.Reader, n int) (string, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b), nil
}
