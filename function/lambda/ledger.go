package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/rotation"
)

// alive is the label of a version whose credential may be alive and has no
// other end: the next rotation ends it, unless it is in use then.
func alive(version string) rota.Label { return rota.EndsLabel(version, time.Time{}) }

// spareLabels is how many labels a rotation may add at its height: of the
// pending version two, of the ending one, and the one of who is at work. The
// handler's own check knows of fewer.
const spareLabels = 4

// ledger is the part of the credential ledger that staging labels can carry:
// that a credential may be alive. Rows it has none: states, evidence and what
// a person holds are known only where rota serves.
type ledger struct {
	*secrets
	checks *providerChecks
}

var _ rotation.Ledger = ledger{}

// Record labels the version of a credential that is alive or about to be. All
// other states are told by labels that the handler moves itself.
func (l ledger) Record(ctx context.Context, c rota.Credential, _ rota.Value) error {
	if c.State != rota.Intended && c.State != rota.Live {
		return nil
	}
	labels := l.own.Stages[c.Version]
	used := slices.Contains(labels, rota.Current) || slices.Contains(labels, rota.Pending)
	if !used || slices.ContainsFunc(labels, rota.IsEndsLabel) || l.own.VersionOf(alive(c.Version)) != "" {
		return nil
	}
	n := 0
	for _, labels := range l.own.Stages {
		n += len(labels)
	}
	if n+spareLabels > rota.MaxLabels {
		return fmt.Errorf("secret %s has %d staging labels of %d: too many old credentials wait for their end; rota doctor --aws lists them",
			l.own.Name, n, rota.MaxLabels)
	}
	err := l.UpdateVersionStage(ctx, l.own.ARN(), alive(c.Version), "", c.Version)
	if c.State == rota.Intended && (errors.Is(err, rota.NotFound) || errors.Is(err, rota.InvalidRequest) || errors.Is(err, rota.InvalidParameter)) {
		// AWS documents of no label but AWSPENDING that an empty version may
		// carry it. Where it may not, AWSPENDING alone is the record, as long
		// as nobody takes it off; the value's own arrival brings the label.
		return nil
	}
	return err
}

// Credentials knows none.
func (ledger) Credentials(context.Context, string) ([]rota.Credential, error) { return nil, nil }

// ProviderCheck says what this process saw of the address.
func (l ledger) ProviderCheck(_ context.Context, address string) (checks, known bool, err error) {
	checks, known = l.checks.get(address)
	return checks, known, nil
}

// SaveProviderCheck keeps it while this process lives: a new one lets the
// provider refuse one random value again.
func (l ledger) SaveProviderCheck(_ context.Context, address string, checks bool) error {
	l.checks.set(address, checks)
	return nil
}

// providerChecks says per address whether it refuses random values.
type providerChecks struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (p *providerChecks) get(address string) (checks, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	checks, known = p.seen[address]
	return checks, known
}

func (p *providerChecks) set(address string, checks bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[address] = checks
}
