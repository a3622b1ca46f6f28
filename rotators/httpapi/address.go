package httpapi

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/rotahq/rota/rotation"
)

// address is where a provider answers.
type address struct {
	base string // normalised, without a slash at the end
	host string // host:port, always with a port
}

// errAdminUnread is the answer to what needs the admin secret's address
// while its value may not be read.
var errAdminUnread = errors.New("the provider's address comes from the admin secret, whose value is not at hand")

// addressOf renders and checks the provider's address. It comes from the
// admin secret or is fixed; the loader allows nothing else.
func (p *Provider) addressOf(opts Options, req rotation.Request) (address, error) {
	e := newEnv(p, req)
	if p.address.base.uses("admin") {
		if req.Admin.Value.IsZero() {
			return address{}, errAdminUnread
		}
		admin, err := parseObject(req.Admin.Value)
		if err != nil {
			return address{}, fmt.Errorf("the value of the admin secret %s %w", req.Admin.ARN, err)
		}
		e.objects["admin"] = admin
	}
	raw, err := p.address.base.text(e)
	if err != nil {
		return address{}, fmt.Errorf("the provider's address: %w", err)
	}
	a, err := p.normalise(opts, raw)
	if err != nil {
		return address{}, fmt.Errorf("the provider's address %w", err)
	}
	return a, nil
}

// normalise reads an address. Its errors do not repeat it: an address with a
// password in it is one of the things refused.
func (p *Provider) normalise(opts Options, raw string) (address, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" {
		return address{}, errors.New("is not a URL such as https://api.example.com")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return address{}, errors.New("holds a user, a query or a fragment; it must be scheme, host and path only")
	}
	clean := strings.TrimSuffix(u.EscapedPath(), "/")
	if clean != "" && clean != path.Clean(clean) {
		return address{}, errors.New("holds empty or dot segments in its path")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if err := checkHost(opts, u.Scheme, host); err != nil {
		return address{}, err
	}
	if p.address.suffix != "" && !strings.HasSuffix(clean, p.address.suffix) {
		clean += p.address.suffix
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	full := net.JoinHostPort(host, port)
	return address{base: u.Scheme + "://" + full + clean, host: full}, nil
}

func checkHost(opts Options, scheme, host string) error {
	ip, notIP := netip.ParseAddr(host)
	loopback := host == "localhost" || notIP == nil && ip.Unmap().IsLoopback()
	switch {
	case scheme != "https" && scheme != "http":
		return errors.New("is neither https nor http")
	case scheme == "http" && !loopback && !opts.AllowHTTP:
		return errors.New("is http, and the host is not this machine: credentials would travel in the clear; use https")
	case notIP == nil && never(ip):
		return errors.New("is a link-local or metadata address, which is never a provider")
	}
	if len(opts.Hosts) > 0 && !slices.ContainsFunc(opts.Hosts, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		return host == allowed || strings.HasPrefix(allowed, ".") && strings.HasSuffix(host, allowed)
	}) {
		return errors.New("is not among the allowed hosts")
	}
	return nil
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// never reports addresses that are no provider's whatever an admin secret
// says: link-local ones, and where clouds keep their metadata service outside
// of those.
func never(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64.Contains(ip) {
		b := ip.As16()
		return never(netip.AddrFrom4([4]byte(b[12:])))
	}
	switch ip.String() {
	case "fd00:ec2::254", "fd20:ce::254", "100.100.100.200":
		return true
	}
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()
}

// dialGuard refuses, after name resolution and so also where a name resolves
// to it, what no provider has. Private networks and this machine are allowed.
func dialGuard() func(network, addr string, c syscall.RawConn) error {
	prefixes := func(s ...string) (out []netip.Prefix) {
		for _, p := range s {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	guard := ssrf.New(
		ssrf.WithAnyPort(),
		ssrf.WithAllowedV4Prefixes(prefixes("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")...),
		ssrf.WithAllowedV6Prefixes(prefixes("::1/128", "fc00::/7", nat64.String())...),
	)
	return func(network, addr string, c syscall.RawConn) error {
		if ap, err := netip.ParseAddrPort(addr); err == nil && never(ap.Addr()) {
			return fmt.Errorf("%w: a link-local or metadata address is never a provider", ssrf.ErrProhibitedIP)
		}
		return guard.Safe(network, addr, c)
	}
}
