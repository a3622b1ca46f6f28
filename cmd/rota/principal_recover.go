package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/seal"
	"github.com/rotahq/rota/server"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/store/sqlite"
)

func (g *global) principalRecover() *cobra.Command {
	var name, to string
	c := nodeConfig{audit: auditRequire, getenv: os.Getenv}
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "make a new administrator's key when all are lost; the server must be stopped",
		Long: `recover lets you in again when nobody has a key with full access. Stop the server
first: it works on the data folder itself, and needs the sealing key.

It makes user/rota-admin (or --principal) if it is not there, enables it, puts full
access in the place of all its policies and makes a new key for it. If it has two
keys, an inactive one goes, or else the older one; the others stay as they are. No
secret is touched. The audit log will tell that it was done.

  rota principal recover --data /var/lib/rota

The key goes to the file credentials of the data folder, where the command line
looks for it, or to --to.
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.dir = g.data
			c.log = slog.New(slog.NewTextHandler(g.err, nil))
			if to == "" {
				to = g.file("credentials")
			}
			key, gone, err := recoverAdministrator(cmd.Context(), c, name, to)
			if err != nil {
				return err
			}
			for _, id := range gone {
				g.say("the old key %s had to go", id)
			}
			g.say("made the key %s of %s and wrote it to %s", key.ID, key.Principal, to)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "principal", adminName, "who becomes the administrator")
	toFlag(cmd, &to)
	return cmd
}

// recoverAdministrator makes an administrator's key on a data folder that no
// server uses.
func recoverAdministrator(ctx context.Context, c nodeConfig, name, to string) (key store.NewAccessKey, gone []string, err error) {
	n, err := openOffline(ctx, c)
	if err != nil {
		return key, nil, err
	}
	defer n.stop()
	c.account, c.region = n.store.Place()
	file, err := newKeyFile(to)
	if err != nil {
		return key, nil, err
	}
	defer file.discard()
	if err := n.firstPrincipals(ctx, c); err != nil { // a database of before there were principals
		return key, nil, err
	}
	err = n.store.Update(ctx, "recover the administrator", func(s *store.Store) error {
		if key, gone, err = s.RecoverAdministrator(ctx, name, adminPolicy, adminAllowed); err != nil {
			return err
		}
		return s.Tell(ctx, recovered(s, key, gone))
	})
	if err != nil {
		return key, nil, err
	}
	return key, gone, file.write(newKey{id: key.ID, secret: key.Secret, region: c.region})
}

// openOffline takes a data folder that no server uses.
func openOffline(ctx context.Context, c nodeConfig) (*node, error) {
	if _, err := os.Stat(filepath.Join(c.dir, "rota.db")); err != nil {
		return nil, fmt.Errorf("there is no database in the data folder: %w; name the server's folder with --data", err)
	}
	release, err := lockFolder(c.dir)
	if err != nil {
		return nil, err
	}
	n := &node{log: c.log, stops: []func(){release}}
	if err := n.openAsItIs(ctx, c); err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

// openAsItIs opens the store of the data folder under the account and region
// that it has.
func (n *node) openAsItIs(ctx context.Context, c nodeConfig) error {
	sealer, err := seal.FromEnv(c.getenv, filepath.Join(c.dir, "seal.key"), false)
	if err != nil {
		return err
	}
	d, err := sqlite.Open(ctx, filepath.Join(c.dir, "rota.db"), time.Now)
	if err != nil {
		return err
	}
	n.stops = append(n.stops, func() { _ = d.Close() })
	account, region, err := store.PlaceOf(ctx, d)
	if err != nil {
		return err
	}
	n.store, err = store.Open(ctx, d, store.Config{
		Account: account, Region: region, Sealer: sealer, NewID: newID, Rand: rand.Reader, Policies: server.ResourcePolicies{},
	})
	return err
}

// recovered is the audit record of a recovery.
func recovered(s *store.Store, key store.NewAccessKey, gone []string) store.OutboxRow {
	e := offlineEvent(s, "RecoverAdministrator", "rota principal recover")
	e.Response.Text("principal", key.Principal)
	e.Response.Text("accessKeyId", key.ID)
	e.Response.Texts("deletedAccessKeyIds", gone)
	return store.OutboxRow{Kind: store.ToAudit, ID: e.ID, Body: e.AppendJSON(nil)}
}
