package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgproto3"
)

// errNoTLS is the server's own no.
var errNoTLS = errors.New("the server does not offer TLS")

// open makes the network connection for l, and says whether it is TLS with a
// verified certificate. With tlsPrefer a connection on which the server
// declines TLS is used as it is, and only where TLS went wrong a second one is
// made without. Running out of time is no reason to give up TLS.
func (r *Rotator) open(
	ctx context.Context, l login, mode tlsMode, roots *x509.CertPool,
) (_ net.Conn, verified bool, _ error) {
	plain, err := r.dial(ctx, "tcp", l.address())
	if err != nil {
		return nil, false, l.fail("connect", err)
	}
	if mode == tlsDisable {
		return plain, false, nil
	}
	secure, err := startTLS(ctx, plain, tlsConfig(l.host, mode, roots))
	switch {
	case err == nil:
		return secure, mode != tlsRequire, nil
	case mode == tlsPrefer && errors.Is(err, errNoTLS):
		return plain, false, nil
	}
	_ = plain.Close()
	if mode == tlsPrefer && ctx.Err() == nil {
		return r.open(ctx, l, tlsDisable, nil)
	}
	return nil, false, l.fail("start TLS", err)
}

// startTLS asks for TLS and shakes hands
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL).
func startTLS(ctx context.Context, c net.Conn, config *tls.Config) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, or(ctx.Err(), err)
	}
	// Exactly one byte: what follows belongs to TLS, and nothing sent before
	// it may be taken for an answer under it.
	var answer [1]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return nil, or(ctx.Err(), err)
	}
	switch answer[0] {
	case 'S':
	case 'N':
		return nil, errNoTLS
	default:
		return nil, errors.New("the server does not speak PostgreSQL's protocol")
	}
	secure := tls.Client(c, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, or(ctx.Err(), err)
	}
	return secure, nil
}

func or(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// tlsConfig is for every mode but tlsDisable.
func tlsConfig(host string, mode tlsMode, roots *x509.CertPool) *tls.Config {
	c := &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
	switch mode {
	case tlsRequire:
		c.InsecureSkipVerify = true
	case tlsVerifyCA:
		c.InsecureSkipVerify = true // of the name; the chain is verified here
		c.VerifyConnection = func(s tls.ConnectionState) error {
			o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, cert := range s.PeerCertificates[1:] {
				o.Intermediates.AddCert(cert)
			}
			_, err := s.PeerCertificates[0].Verify(o)
			return err
		}
	}
	return c
}
