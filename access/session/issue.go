package session

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
	"github.com/rotahq/rota/store"
)

// IssueSession makes temporary credentials for a principal. Nothing is
// written, and it may be called again: each call makes others. It asks nobody
// for permission: it is for rota itself; for callers there is
// [Directory.GetSessionToken].
//
// Errors: NotFound without the principal, AccessDenied while it is disabled,
// MalformedPolicy for a policy that the evaluator does not take as a whole,
// InvalidParameter for everything else that is out of bounds.
func (d *Directory) IssueSession(ctx context.Context, r Request) (Credentials, error) {
	return d.issue(ctx, r, "")
}

// leastAsked is the shortest duration that a caller can ask for, as on AWS
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html).
const leastAsked = 15 * time.Minute

// TokenRequest is what a caller can ask for.
type TokenRequest struct {
	Policy   string        // as in Request
	Duration time.Duration // 0: DefaultDuration; 15 minutes to MaxDuration
	Name     string        // as in Request
}

// GetSessionToken makes temporary credentials for the caller, authorised as
// rota:GetSessionToken on its own ARN. They end early with the access key that
// asked for them. Temporary credentials cannot ask for others.
func (d *Directory) GetSessionToken(ctx context.Context, c rota.Caller, r TokenRequest) (Credentials, error) {
	if err := c.Ask("rota:GetSessionToken", rota.Resource{ARN: c.Principal}); err != nil {
		return Credentials{}, err
	}
	if strings.HasPrefix(c.AccessKey, store.TemporaryKey) {
		return Credentials{}, rota.E(rota.AccessDenied, "Cannot call GetSessionToken with session credentials")
	}
	if r.Duration == 0 {
		r.Duration = DefaultDuration
	}
	if r.Duration < leastAsked {
		return Credentials{}, rota.E(rota.InvalidParameter, "The duration must be from %d to %d seconds.", leastAsked/time.Second, MaxDuration/time.Second)
	}
	return d.issue(ctx, Request{Principal: c.Principal, Policy: r.Policy, Duration: r.Duration, Name: r.Name}, c.AccessKey)
}

var sessionName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)

func (d *Directory) issue(ctx context.Context, r Request, parent string) (Credentials, error) {
	p, err := d.principal(ctx, r.Principal)
	if err != nil {
		return Credentials{}, err
	}
	if p.row.Disabled {
		return Credentials{}, &rota.Error{
			Code: rota.AccessDenied, Message: "The principal " + p.row.ARN + " is disabled.", Hint: "enable it: rota principal enable",
		}
	}
	if err := r.check(); err != nil {
		return Credentials{}, err
	}
	if r.Duration == 0 {
		r.Duration = DefaultDuration
	}
	now := d.store.Now()
	c := content{
		Principal: p.row.ARN, Unique: p.row.ID, Parent: parent, Name: r.Name, Policy: r.Policy,
		Issued: now.Unix(), Expires: now.Add(r.Duration).Unix(),
	}
	if r.Claim.Held() {
		k := r.Claim.Secret
		c.Claim = &claim{k.Account, k.Region, k.ID, r.Claim.Number}
	}
	if err := d.draw(&c); err != nil {
		return Credentials{}, err
	}
	defer clear(c.Secret)
	token, err := c.seal(d.sealer)
	return Credentials{AccessKeyID: c.ID, Secret: rota.StringValue(string(c.Secret)), Token: token, Expires: c.expires()}, err
}

// check checks what does not hang on the principal.
func (r Request) check() error {
	switch {
	case r.Duration < 0 || r.Duration > 0 && r.Duration < time.Second || r.Duration > MaxDuration:
		return rota.E(rota.InvalidParameter, "The duration must be from 1 to %d seconds.", MaxDuration/time.Second)
	case r.Name != "" && !sessionName.MatchString(r.Name):
		return rota.E(rota.InvalidParameter, "The name of a session has 1 to 64 letters, digits and _+=,.@-.")
	case utf8.RuneCountInString(r.Policy) > MaxPolicyCharacters:
		return rota.E(rota.InvalidParameter, "The session policy has more than %d characters.", MaxPolicyCharacters)
	case r.Claim.Held() && r.Policy == "":
		return rota.E(rota.InvalidParameter, "Credentials with a claim need a policy that limits them.")
	case r.Policy == "":
		return nil
	}
	_, err := policy.ParseIdentity(policyOfSession, r.Policy)
	return err
}

// policyOfSession is what decisions call it.
const policyOfSession = "SessionPolicy"

// draw makes the id and the secret half.
func (d *Directory) draw(c *content) error {
	var b [40]byte
	d.random.Lock()
	_, err := io.ReadFull(d.rand, b[:])
	d.random.Unlock()
	if err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	c.ID = store.TemporaryKey + base32.StdEncoding.EncodeToString(b[:10])
	c.Secret = base64.StdEncoding.AppendEncode(nil, b[10:])
	return nil
}
