package function

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/function/local"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/store"
)

// What a function that is registered gets and may have. AWS's bounds are
// wider at the top
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const (
	DefaultTimeout = 30 * time.Second
	MaxTimeout     = 15 * time.Minute
	DefaultMemory  = 256 << 20
	MinMemory      = 16 << 20
	MaxMemory      = 10240 << 20
	MaxEnvironment = 32 << 10
	maxArguments   = 64
)

// Check refuses a function that could not be invoked here: InvalidParameter,
// or AccessDenied where this server runs no commands.
func (r *Router) Check(f store.Function) error {
	bad := func(format string, args ...any) error { return rota.E(rota.InvalidParameter, format, args...) }
	switch {
	case !invoke.ValidName(f.Name):
		return bad("The name of a function has 1 to 64 letters, digits, hyphens and underscores.")
	case rotation.ReservedName(f.Name):
		return bad("Names that begin with rota- are those of rota's own functions.")
	case f.Timeout < time.Second || f.Timeout > MaxTimeout:
		return bad("The time-out of a function is between 1 second and 15 minutes.")
	}
	if f.Kind == store.RemoteFunction {
		if err := checkRemote(f); err != nil || f.Credentials != "" {
			return err
		}
		return r.Remote.ambient(f)
	}
	if r.Local == nil {
		return &rota.Error{Code: rota.AccessDenied, Message: "This server runs no commands. Start it with rota serve --local-functions, or register a remote function."}
	}
	if f.Timeout > r.Local.StepTimeout {
		return bad("A step of a rotation may take %s on this server, and the function's time-out is longer. Start rota serve with a longer --step-timeout.", r.Local.StepTimeout)
	}
	return checkLocal(f)
}

func checkRemote(f store.Function) error {
	if _, ok := invoke.ParseName(f.Target); !ok {
		return rota.E(rota.InvalidParameter, "The remote function is a name or an ARN such as arn:aws:lambda:us-east-1:123456789012:function:NAME.")
	}
	if f.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(f.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return rota.E(rota.InvalidParameter, "The endpoint is an address such as https://host:port.")
	}
	if f.TargetRegion == "" {
		return rota.E(rota.InvalidParameter, "With an endpoint of its own a remote function needs the region that requests are signed for.")
	}
	return nil
}

func checkLocal(f store.Function) error {
	bad := func(format string, args ...any) error { return rota.E(rota.InvalidParameter, format, args...) }
	switch {
	case len(f.Command) == 0 || f.Command[0] == "" || len(f.Command) > maxArguments:
		return bad("A local function has a command: a program and at most %d arguments.", maxArguments-1)
	case strings.ContainsRune(strings.Join(f.Command, ""), 0) || strings.ContainsRune(f.Handler, 0):
		return bad("A command has no zero byte.")
	case !filepath.IsAbs(f.Folder):
		return bad("The folder of a function is an absolute path on the server's machine.")
	case f.Memory < MinMemory || f.Memory > MaxMemory:
		return bad("The memory of a function is between 16 MB and 10240 MB.")
	case f.Env.Len() > MaxEnvironment:
		return bad("The environment of a function has at most %d bytes.", MaxEnvironment)
	}
	env, err := f.Environment()
	if err != nil {
		return err
	}
	if err := local.CheckEnvironment(env); err != nil {
		return bad("%s.", err)
	}
	if err := local.CheckCommand(f.Command[0], f.Folder, env["PATH"]); err != nil {
		return bad("On the server's machine %s.", err)
	}
	return nil
}
