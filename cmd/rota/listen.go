package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// listener is where a node takes requests. Nothing is served from it yet.
type listener struct {
	net.Listener
	url string // as a client on this machine reaches it
}

// listen takes the address, and reads the certificate if there is one, so
// that what is wrong with either is said before anything else happens.
func listen(ctx context.Context, c nodeConfig) (*listener, error) {
	var config *tls.Config
	if c.tlsCert != "" {
		cert, err := tls.LoadX509KeyPair(c.tlsCert, c.tlsKey)
		if err != nil {
			return nil, fmt.Errorf("read the certificate of --tls-cert and --tls-key: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; choose another address with --listen", c.listen, err)
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listen on %s: %w", c.listen, err)
	}
	ip := net.ParseIP(host)
	if !ip.IsLoopback() && config == nil {
		c.log.Warn("listening beyond this machine without TLS: requests and values can be overheard; give --tls-cert and --tls-key", "address", l.Addr().String())
	}
	if ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	// A name stays, for certificates are made for names.
	if given, _, err := net.SplitHostPort(c.listen); err == nil && given != "" && net.ParseIP(given) == nil {
		host = given
	}
	out := &listener{l, "http://" + net.JoinHostPort(host, port)}
	if config != nil {
		out = &listener{tls.NewListener(l, config), "https://" + net.JoinHostPort(host, port)}
	}
	return out, nil
}

// newHTTPServer bounds what one connection may take.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
