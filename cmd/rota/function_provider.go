package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/function/conformance/keyprovider"
)

func (g *global) functionProvider() *cobra.Command {
	var listen, folder string
	cmd := &cobra.Command{
		Use:   "provider",
		Short: "run an outside API that issues keys, to try functions with",
		Long: `provider runs an API that issues keys, lists and revokes them, and says whether it
accepts one. It keeps them in memory: it is for trying functions, and no place for
real keys. It writes two files: key.json, the value of a secret with a first key,
and admin.json, the value of the admin's secret. It runs until it is interrupted.

  rota function provider --folder /tmp/keys &
  rota function accepts keys < /tmp/keys/key.json
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.runProvider(cmd.Context(), listen, folder) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&folder, "folder", ".", "where to write key.json and admin.json")
	return cmd
}

func (g *global) runProvider(ctx context.Context, listen, folder string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	token, url := rand.Text(), "http://"+l.Addr().String()
	p := keyprovider.New(token, rand.Text)
	id, key := p.Issue("by hand")
	for name, v := range map[string]keyprovider.Value{
		"key.json": {URL: url, ID: id, Key: key}, "admin.json": {URL: url, Token: token},
	} {
		// Who waits for the file reads it at once.
		if err := writeFile(filepath.Join(folder, name), string(v.Secret().Reveal())+"\n"); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	g.say("keys are issued at %s; key.json and admin.json are in %s", url, folder)
	srv := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the provider: %w", err)
	}
	return nil
}
