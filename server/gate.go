package server

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/policy"
)

// gate decides what one request may do: what is known of the principal, of
// the connection and of the request, to which the store adds the secret.
type gate struct {
	grant   Grant
	now     time.Time
	context []policy.Attribute
	account string // where the principal's bare names are
	region  string
	batch   bool // BatchGetSecretValue, which is a GetSecretValue of each secret
	read    *documents
}

// gate makes the gate of a request that was signed for a region.
func (s *Server) gate(r *http.Request, g Grant, account, region string) gate {
	of := gate{grant: g, now: s.Verifier.Now(), account: account, region: region, read: &s.documents}
	of.context = append(make([]policy.Attribute, 0, 16), g.Context...)
	of.know(policy.RequestedRegion, region)
	of.know(policy.SecureTransport, strconv.FormatBool(r.TLS != nil))
	of.know(policy.SourceIp, addressOf(r.RemoteAddr))
	of.know(policy.UserAgent, r.UserAgent())
	return of
}

// addressOf is the address without port and zone, "" if there is none.
func addressOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return ""
	}
	ip, _, _ := strings.Cut(host, "%")
	return ip
}

// know adds a value that is there.
func (g *gate) know(k policy.Key, v string) {
	if v != "" {
		g.context = append(g.context, policy.Attribute{Key: k, Value: v})
	}
}

// may is rota.Caller's May.
func (g *gate) may(action string, on rota.Resource) error {
	r := g.request(action, on)
	attached, err := g.read.policy(on)
	if err != nil {
		return err
	}
	return policy.Evaluate(r, g.grant.Policies, attached).Err(r)
}

// request is what policies are asked about.
func (g *gate) request(action string, on rota.Resource) *policy.Request {
	r := &policy.Request{
		Principal: g.grant.Principal, Session: g.grant.Session, Action: action, Resource: on.ARN, Named: on.Asked, Time: g.now,
	}
	add := func(k policy.Key, tag, v string) {
		if v != "" || tag != "" {
			r.Context = append(r.Context, policy.Attribute{Key: k, Tag: tag, Value: v})
		}
	}
	r.Context = slices.Grow(slices.Clip(g.context), len(on.Tags)+5)
	add(policy.ResourceType, "", on.Type)
	add(policy.ResourceAllowRotationLambdaArn, "", on.Function)
	add(policy.SecretPrimaryRegion, "", on.PrimaryRegion)
	for _, t := range on.Tags {
		add(policy.ResourceTag, t.Key, t.Value)
	}
	if g.batch && on.Asked != "" {
		add(policy.SecretId, "", on.Asked)
		add(policy.VersionStage, "", rota.Current)
	}
	return r
}

// documents remembers resource policies that were read, by their text: the
// same text is the same policy. It holds no value, and forgets everything
// when it is full; what is in use comes back with the next request.
type documents struct {
	mu    sync.RWMutex
	read  map[string]*policy.Policy
	bytes int
}

// maxDocuments bounds the text that is remembered; read, it is a few times
// that.
const maxDocuments = 4 << 20

// policy reads the policy of a resource, nil if it has none. One that cannot
// be read decides nothing, and so the request fails: it was read when it was
// put.
func (d *documents) policy(on rota.Resource) (*policy.Policy, error) {
	text := on.Policy
	if text == "" {
		return nil, nil
	}
	d.mu.RLock()
	p := d.read[text]
	d.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.ParseResource("ResourcePolicy", text)
	if err != nil {
		return nil, &rota.Error{Code: rota.Internal, Secret: on.ARN, Message: "its resource policy can't be read", Err: err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.read == nil || d.bytes+len(text) > maxDocuments {
		d.read, d.bytes = map[string]*policy.Policy{}, 0
	}
	d.read[text] = p
	d.bytes += len(text)
	return p, nil
}
