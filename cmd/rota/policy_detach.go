package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/store"
)

func (g *global) policyDetach() *cobra.Command {
	c := nodeConfig{audit: auditRequire, getenv: os.Getenv}
	cmd := &cobra.Command{
		Use:   "detach SECRET",
		Short: "take the policy off a secret that locks everybody out; the server must be stopped",
		Long: `detach removes the resource policy of a secret when that policy denies everybody,
also those who could remove it over the API. Stop the server first: it works on the
data folder itself, and needs the sealing key.

SECRET is a name of the first region, or an ARN. Nothing else of the secret
changes. The policy is printed, and the audit log will tell that it was removed.

  rota policy detach prod/db --data /var/lib/rota > removed.json

Somebody whom it does not deny removes a policy with DeleteResourcePolicy.
` + exitHelp,
		Args: one,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.dir = g.data
			c.log = slog.New(slog.NewTextHandler(g.err, nil))
			out, err := detachPolicy(cmd.Context(), c, args[0])
			if errors.Is(err, rota.NotFound) {
				return &exitError{exitMissing, err}
			}
			if err != nil {
				return err
			}
			if out.Document == "" {
				g.say("%s has no policy: nothing was changed", out.ARN)
				return nil
			}
			g.say("removed the policy of %s", out.ARN)
			_, err = fmt.Fprintln(g.out, out.Document)
			return err
		},
	}
	return cmd
}

// detachPolicy removes the policy of a secret of a data folder that no server
// uses, and returns it.
func detachPolicy(ctx context.Context, c nodeConfig, secret string) (out store.ResourcePolicyOutput, err error) {
	n, err := openOffline(ctx, c)
	if err != nil {
		return out, err
	}
	defer n.stop()
	account, region := n.store.Place()
	if part := strings.Split(secret, ":"); len(part) > 3 { // an ARN names its region
		region = part[3]
	}
	who := rota.Caller{Account: account, Region: region}
	err = n.store.Update(ctx, "remove the policy", func(s *store.Store) error {
		if out, err = s.GetResourcePolicy(ctx, who, secret); err != nil || out.Document == "" {
			return err
		}
		if _, err := s.DeleteResourcePolicy(ctx, who, secret); err != nil {
			return err
		}
		e := offlineEvent(s, "DetachResourcePolicy", "rota policy detach")
		e.Response.Text("arn", out.ARN)
		return s.Tell(ctx, store.OutboxRow{Kind: store.ToAudit, ID: e.ID, Body: e.AppendJSON(nil)})
	})
	return out, err
}

// offlineEvent is the audit record of a change by somebody who could write the
// data folder. Who that was is not known.
func offlineEvent(s *store.Store, name, by string) audit.Event {
	account, region := s.Place()
	return audit.Event{
		ID: newID(), RequestID: newID(), Name: name, Source: audit.OwnSource, Type: audit.ServiceEvent, Time: s.Now(),
		Account: account, Region: region, Identity: audit.Identity{AccountID: account, InvokedBy: by},
		SourceIP: audit.OwnSource, UserAgent: audit.OwnSource,
	}
}
