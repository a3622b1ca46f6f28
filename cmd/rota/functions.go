package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/access/session"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/function/local"
	"github.com/rotahq/rota/function/remote"
	"github.com/rotahq/rota/rotation"
)

// functionConfig is how this server runs functions that are not rota's own.
type functionConfig struct {
	local  bool
	limit  int
	user   string
	cgroup string
	aws    bool
}

const cgroupAuto = "auto"

func (c *functionConfig) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.local, "local-functions", false, "let functions be registered that are commands on this machine, and run them (Linux)")
	f.IntVar(&c.limit, "function-processes", 16, "how many processes of functions run at once; each serves one rotation")
	f.StringVar(&c.user, "function-user", "", "user to run functions as, instead of rota's own (needs root)")
	f.StringVar(&c.cgroup, "function-cgroup", cgroupAuto, "folder of cgroup v2 to make groups for functions in; auto takes what systemd delegated, none watches memory instead")
	f.BoolVar(&c.aws, "ambient-aws", false, "invoke functions on AWS that name no secret with a key with this machine's own AWS credentials: for whoever may register functions")
}

func (c functionConfig) check() error {
	if c.limit <= 0 {
		return usage("--function-processes must be more than 0")
	}
	if !c.local && c.user != "" {
		return usage("--function-user goes with --local-functions")
	}
	return nil
}

// router joins the ways to invoke functions.
func (n *node) router(c nodeConfig) (*function.Router, error) {
	handler := &rotation.Handler{Catalog: c.catalog, Env: c.getenv, Now: n.store.Now, Rand: rand.Reader}
	r := &function.Router{
		InProcess: function.InProcess{Handler: handler, Store: n.store}, Store: n.store,
		Remote: function.Remote{Store: n.store},
	}
	if c.functions.aws {
		r.Remote.Ambient = remote.Ambient()
	}
	if !c.functions.local {
		return r, nil
	}
	host := local.Host{Now: time.Now, NewID: newID}
	var err error
	if c.functions.user != "" {
		if host.User, err = functionUser(c.functions.user); err != nil {
			return nil, err
		}
	} else if os.Geteuid() == 0 {
		n.log.Warn("functions run as root, as rota does, and may read its key and its memory: name a user for them with --function-user")
	}
	switch c.functions.cgroup {
	case cgroupAuto:
		host.Cgroup = local.Delegated()
	case "none":
	default:
		host.Cgroup = c.functions.cgroup
	}
	if err := local.Shield(); err != nil {
		n.log.Warn("functions of the same user may read the memory of this process", "error", err)
	}
	step := c.stepTimeout
	if step == 0 {
		step = time.Minute
	}
	r.Local = function.NewLocal(function.LocalConfig{
		Store: n.store, Host: host, Endpoint: func() string { return n.url }, Sessions: sessions{n.who}, Limit: c.functions.limit, StepTimeout: step,
	})
	return r, nil
}

// functionUser finds a user of the system with all groups.
func functionUser(name string) (*local.User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("--function-user: %w", err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("--function-user: the groups of %s: %w", name, err)
	}
	out := &local.User{}
	if out.UID, err = systemID(u.Uid); err != nil {
		return nil, fmt.Errorf("--function-user: %s: %w", name, err)
	}
	if out.GID, err = systemID(u.Gid); err != nil {
		return nil, fmt.Errorf("--function-user: %s: %w", name, err)
	}
	for _, text := range ids {
		id, err := systemID(text)
		if err != nil {
			return nil, fmt.Errorf("--function-user: %s: %w", name, err)
		}
		out.Groups = append(out.Groups, id)
	}
	return out, nil
}

// systemID reads the id of a user or a group.
func systemID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no id of a user or group", text)
	}
	return uint32(id), nil
}

// sessions gives functions temporary credentials of the role that they run
// as.
type sessions struct{ who *session.Directory }

// Session issues them.
func (s sessions) Session(ctx context.Context, r function.SessionRequest) (local.Session, error) {
	c, err := s.who.IssueSession(ctx, session.Request{
		Principal: session.FunctionRole(r.Account), Policy: r.Policy, Claim: r.Claim, Duration: r.Duration, Name: r.Function,
	})
	if err != nil {
		return local.Session{}, err
	}
	return local.Session{AccessKeyID: c.AccessKeyID, SecretAccessKey: string(c.Secret.Reveal()), SessionToken: string(c.Token.Reveal())}, nil
}
