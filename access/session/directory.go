package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/store"
)

// Directory knows all principals and keys. It may be used by many goroutines.
type Directory struct {
	store   *store.Store
	sealer  sealer
	account string
	random  sync.Mutex // around rand
	rand    io.Reader

	mu         sync.RWMutex
	loaded     bool
	version    uint64 // of the store that the rest is of
	principals map[string]*principal
	keys       map[string]*key

	sessions opened
}

// New returns the directory of a store. Nothing is read before it is asked for.
func New(s *store.Store, tokens interface {
	SealToken(use string, plain []byte) ([]byte, error)
	OpenToken(use string, token []byte) ([]byte, error)
}, rand io.Reader,
) *Directory {
	account, _ := s.Place()
	return &Directory{
		store: s, sealer: tokens, account: account, rand: rand,
		principals: map[string]*principal{}, keys: map[string]*key{},
	}
}

// principal is a principal in memory. It is replaced as a whole when it was
// changed.
type principal struct {
	row      store.PrincipalRow
	identity *Identity
	broken   error // why its policies cannot be evaluated
	keys     []*key
}

// key is an access key in memory.
type key struct {
	of     *principal
	row    store.AccessKeyRow
	secret atomic.Pointer[rota.Value] // once it was opened
	used   atomic.Int64               // milliseconds: the last use
	told   atomic.Int64               // of these, what is in the store
}

// open opens the secret half. Only a success is kept: what failed may have
// been the key's provider, and be over with the next request.
func (k *key) open(s opener) (rota.Value, error) {
	if v := k.secret.Load(); v != nil {
		return *v, nil
	}
	v, err := s.OpenAccessKey(k.row)
	if err != nil {
		return rota.Value{}, err
	}
	k.secret.Store(&v)
	return v, nil
}

// opener opens the secret half of a key; it is a store.
type opener interface {
	OpenAccessKey(store.AccessKeyRow) (rota.Value, error)
}

// errNoKey is told of a key that is unknown, inactive or of a disabled or
// deleted principal, all in the same way.
var errNoKey = rota.NotFound

// Key finds a key, and for temporary credentials opens the session token that
// was sent along ("" for none). An id that is unknown, inactive, or whose
// principal is disabled is rota.NotFound, and so is a token that does not belong
// to the id. Whether it has expired the caller must look: Expires.
func (d *Directory) Key(ctx context.Context, id, token string) (Key, error) {
	if err := d.refresh(ctx); err != nil {
		return Key{}, err
	}
	if strings.HasPrefix(id, store.TemporaryKey) {
		return d.temporary(id, token)
	}
	k := d.find(id)
	if k == nil || k.row.Inactive || k.of.row.Disabled || token != "" {
		return Key{}, errNoKey
	}
	if k.of.broken != nil {
		return Key{}, k.of.broken
	}
	secret, err := k.open(d.store)
	if err != nil {
		return Key{}, &rota.Error{Code: rota.Internal, Err: err} // who asks is nobody yet, and is not told
	}
	return Key{Secret: secret, Caller: d.caller(k.of, id), Identity: k.of.identity}, nil
}

func (d *Directory) caller(p *principal, id string) rota.Caller {
	return rota.Caller{Principal: p.row.ARN, Account: d.account, AccessKey: id}
}

func (d *Directory) find(id string) *key {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.keys[id]
}

// Identity is that of the principal with an ARN, as it is with keys of its
// own. rota.NotFound: there is none. It is there for a disabled one, too.
func (d *Directory) Identity(ctx context.Context, arn string) (*Identity, error) {
	p, err := d.principal(ctx, arn)
	if err != nil {
		return nil, err
	}
	return p.identity, p.broken
}

func (d *Directory) principal(ctx context.Context, arn string) (*principal, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := d.principals[arn]
	if p == nil {
		return nil, rota.E(rota.NotFound, "There is no principal %s.", arn)
	}
	return p, nil
}

// refresh reads what commits have changed since the last time. Where nothing
// was, it costs a lock that readers share.
func (d *Directory) refresh(ctx context.Context) error {
	version := d.store.PrincipalsVersion()
	d.mu.RLock()
	current := d.loaded && d.version == version
	d.mu.RUnlock()
	if current {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	arns, all, version := d.store.PrincipalsSince(d.version)
	if all || !d.loaded {
		arns = nil
	} else if len(arns) == 0 {
		return nil // somebody else was first
	}
	// What is read now is at least as new as version: a commit after it has a
	// later one, and is read again.
	rows, err := d.store.Identities(ctx, arns...)
	if err != nil {
		return err
	}
	before := d.keys
	if arns == nil {
		d.principals, d.keys = map[string]*principal{}, map[string]*key{}
	} else {
		before = d.forget(arns)
	}
	for _, row := range rows {
		d.add(row, before)
	}
	d.loaded, d.version = true, version
	return nil
}

// forget drops principals and returns the keys that they had.
func (d *Directory) forget(arns []string) map[string]*key {
	had := map[string]*key{}
	for _, arn := range arns {
		p := d.principals[arn]
		if p == nil {
			continue
		}
		for _, k := range p.keys {
			had[k.row.ID] = k
			delete(d.keys, k.row.ID)
		}
		delete(d.principals, arn)
	}
	return had
}

// add keeps a principal. before is the keys as they were: when they were used
// is not all written yet.
func (d *Directory) add(row store.Identity, before map[string]*key) {
	p := &principal{row: row.PrincipalRow, identity: &Identity{ID: row.ID, context: []policy.Attribute{{Key: policy.UserID, Value: row.ID}}}}
	p.identity.Principal, p.broken = policy.ParsePrincipal(row.ARN)
	for _, doc := range row.Policies {
		parsed, err := policy.ParseIdentity(doc.Name, doc.Document)
		if err != nil {
			// It was read when it was put. Without it a Deny could be missing.
			p.broken = errors.Join(p.broken, &rota.Error{
				Code: rota.Internal, Message: fmt.Sprintf("the policy %s of %s can't be read", doc.Name, row.ARN), Err: err,
				Hint: "put the policy again with another principal: rota principal policy put",
			})
			continue
		}
		p.identity.Policies = append(p.identity.Policies, parsed)
	}
	for _, r := range row.Keys {
		k := &key{of: p, row: r}
		if was := before[r.ID]; was != nil {
			k.used.Store(was.used.Load())
		}
		p.keys = append(p.keys, k)
		d.keys[r.ID] = k
	}
	d.principals[row.ARN] = p
}
