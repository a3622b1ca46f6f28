//go:build servers

package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/internal/testserver"
	"github.com/rotahq/rota/rotation"
)

// authority makes a CA, and a certificate and key of it for the name
// "localhost".
func authority(t *testing.T) (ca, cert, key []byte) {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	write := func(kind string, b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
	}
	now := time.Now()
	caKey, leafKey := newKey(), newKey()
	caCert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	b, err := x509.CreateCertificate(rand.Reader, caCert, caCert, caKey.Public(), caKey)
	ca = write("CERTIFICATE", b, err)
	b, err = x509.CreateCertificate(rand.Reader, leaf, caCert, leafKey.Public(), caKey)
	cert = write("CERTIFICATE", b, err)
	b, err = x509.MarshalECPrivateKey(leafKey)
	key = write("EC PRIVATE KEY", b, err)
	return ca, cert, key
}

func TestTLSModes(t *testing.T) {
	ca, cert, key := authority(t)
	otherCA, _, _ := authority(t)
	dir := t.TempDir()
	path := func(name string, content []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good, bad := path("ca.pem", ca), path("other.pem", otherCA)
	const hba = `
hostnossl all onlytls 127.0.0.1/32 reject
hostssl all onlyplain 127.0.0.1/32 reject
host all clear 127.0.0.1/32 password
host all all 127.0.0.1/32 scram-sha-256
`
	with := startServer(t, hba, testserver.Config("ssl = on\n"), testserver.File("server.crt", cert), testserver.File("server.key", key))
	without := startServer(t, hba)
	for _, s := range []*server{with, without} {
		for _, u := range []string{"app", "onlytls", "onlyplain", "clear"} {
			s.role(u, secretWord, "")
		}
	}
	const tls, plain, fails = "TLS", "plain", "fails"
	for name, row := range map[string]struct {
		s           *server
		host, user  string
		ssl         any
		setting, ca string
		want        string
		connections int32
		wrongly     bool // with a wrong password
	}{
		"nothing said, verifiable":              {with, "localhost", "app", nil, "", good, tls, 1, false},
		"nothing said, unknown authority":       {with, "localhost", "app", nil, "", bad, plain, 2, false},
		"nothing said, another name":            {with, "127.0.0.1", "app", nil, "", good, plain, 2, false},
		"nothing said, no TLS there":            {without, "localhost", "app", nil, "", good, plain, 1, false},
		"nothing said, a wrong password by TLS": {with, "localhost", "app", nil, "", good, fails, 1, true},
		"nothing said, refused by TLS only":     {with, "localhost", "onlyplain", nil, "", good, fails, 1, false},
		"ssl true, verifiable":                  {with, "localhost", "app", true, "", good, tls, 1, false},
		"ssl true, the system's authorities":    {with, "localhost", "app", true, "", "", fails, 1, false},
		"ssl true, unknown authority":           {with, "localhost", "app", true, "", bad, fails, 1, false},
		"ssl true, another name":                {with, "127.0.0.1", "app", true, "", good, fails, 1, false},
		"ssl true, no TLS there":                {without, "localhost", "app", true, "", good, fails, 1, false},
		"ssl false":                             {with, "localhost", "app", false, "", good, plain, 1, false},
		"ssl false, TLS is required":            {with, "localhost", "onlytls", false, "", good, fails, 1, false},
		"ssl \"true\"":                          {with, "localhost", "app", "true", "", good, tls, 1, false},
		"disable":                               {with, "localhost", "app", true, "disable", good, plain, 1, false},
		"prefer":                                {without, "localhost", "app", true, "prefer", good, plain, 1, false},
		"require, unknown authority":            {with, "127.0.0.1", "app", nil, "require", bad, tls, 1, false},
		"require, no TLS there":                 {without, "localhost", "app", nil, "require", good, fails, 1, false},
		"verify-ca, another name":               {with, "127.0.0.1", "app", nil, "verify-ca", good, tls, 1, false},
		"verify-ca, unknown authority":          {with, "localhost", "app", nil, "verify-ca", bad, fails, 1, false},
		"verify-full":                           {with, "localhost", "app", false, "verify-full", good, tls, 1, false},
		"verify-full, another name":             {with, "127.0.0.1", "app", nil, "verify-full", good, fails, 1, false},
		"clear password over verified TLS":      {with, "localhost", "clear", true, "", good, tls, 1, false},
		"clear password over unverified TLS":    {with, "localhost", "clear", nil, "require", good, fails, 1, false},
		"clear password after falling back":     {with, "localhost", "clear", nil, "", bad, fails, 2, false},
	} {
		pw := secretWord
		if row.wrongly {
			pw += "x"
		}
		v := rota.StringValue(alter(t, string(row.s.value(row.user, pw).Reveal()), map[string]any{"host": row.host, "ssl": row.ssl}))
		req := row.s.request(rotation.SingleUser, v)
		req.Settings["tls"], req.Settings["tls-ca"] = row.setting, row.ca
		since := len(row.s.log(0))
		r, n := counting()
		err := r.Try(within(t), req, v)
		leaks(t, name, err)
		log := row.s.log(since)
		got := fails
		switch {
		case err == nil && strings.Contains(log, "SSL enabled"):
			got = tls
		case err == nil:
			got = plain
		}
		if got != row.want || n.Load() != row.connections {
			t.Errorf("%s: %s over %d connections, want %s over %d: %v", name, got, n.Load(), row.want, row.connections, err)
		}
	}

	t.Run("authorities from the program", func(t *testing.T) {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		v := rota.StringValue(alter(t, string(with.value("app", secretWord).Reveal()), map[string]any{"host": "localhost", "ssl": true}))
		expect(t, "try", New(Options{RootCAs: pool}).Try(within(t), with.request(rotation.SingleUser, v), v), nil)
	})
}
