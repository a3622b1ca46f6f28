package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

// functionAddOptions are the flags of function add.
type functionAddOptions struct {
	command, folder, handler, memory string
	env                              []string
	timeout                          time.Duration
	remote                           wire.RemoteFunction
}

func (g *global) functionAdd() *cobra.Command {
	var o functionAddOptions
	cmd := &cobra.Command{
		Use:   "add NAME [-- PROGRAM ARGUMENT...]",
		Short: "register a function, or change all of one",
		Long: `add registers a function. Its ARN, which RotateSecret's RotationLambdaARN names,
is arn:aws:lambda:REGION:ACCOUNT:function:NAME.

A local one is a command: --command is cut at its spaces, or give the program
and its arguments after --. A program without a slash is looked for in the PATH;
./NAME is one in the function's folder, which is also its working directory.

  rota function add keys --command ./bootstrap --folder /opt/keys
  rota function add keys --command 'python3 -m awslambdaric app.handler' \
      --env EXCLUDE_CHARACTERS=/@ --timeout 30s --memory 256MB

The function gets its environment from Lambda and from --env, and nothing of the
server's. The values of --env are kept sealed and never shown again; what stands
in the command is not secret.

A remote one is called by name or ARN behind the Lambda Invoke API. The key comes
from a secret with access_key_id, secret_access_key and maybe session_token. On
AWS itself it may be left out where the server was started with --ambient-aws,
which signs with the server's own credentials.

  rota function add keys --remote arn:aws:lambda:eu-west-1:123456789012:function:keys \
      --credentials-secret rota/aws
  rota function add keys --remote keys --endpoint-url https://other:7682 \
      --remote-region us-east-1 --credentials-secret rota/other
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := cmd.ArgsLenAtDash(); len(args) == 0 || n == 0 || (n < 0 && len(args) > 1) || n > 1 {
				return usage("add wants one function name, and a command after --command or --; see: rota function add --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := o.input(args)
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.PutFunctionOutput
			if err := c.own(cmd.Context(), "PutFunction", in, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			g.say("registered %s; rotate with it: rota rotate NAME --function %s", out.Function.FunctionArn, out.Function.FunctionName)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.command, "command", "", "the program with its arguments, cut at spaces")
	f.StringVar(&o.folder, "folder", "", "its folder on the server's machine (default the one you are in)")
	f.StringVar(&o.handler, "handler", "", "_HANDLER, such as app.handler")
	f.StringArrayVar(&o.env, "env", nil, "NAME=VALUE, may be repeated; NAME alone takes the value that it has here")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long one invocation may take")
	f.StringVar(&o.memory, "memory", "", "how much memory all its processes may use (default 256MB)")
	f.StringVar(&o.remote.FunctionName, "remote", "", "name or ARN of a function behind the Lambda Invoke API")
	f.StringVar(&o.remote.Endpoint, "endpoint-url", "", "where that API is, if not at AWS")
	f.StringVar(&o.remote.Region, "remote-region", "", "region that requests to it are signed for")
	f.StringVar(&o.remote.CredentialsSecretId, "credentials-secret", "", "secret with the access key for it (default the server's own on AWS, with rota serve --ambient-aws)")
	return cmd
}

func (o functionAddOptions) input(args []string) (in wire.PutFunctionInput, err error) {
	in = wire.PutFunctionInput{FunctionName: args[0], TimeoutSeconds: int((o.timeout + time.Second - 1) / time.Second), Handler: o.handler, Command: args[1:]}
	if o.command != "" {
		if len(in.Command) > 0 {
			return in, usage("give the command once: after --command or after --")
		}
		if strings.ContainsAny(o.command, `"'\`) {
			return in, usage("--command is cut at spaces and knows no quotes: give the program and its arguments after --")
		}
		in.Command = strings.Fields(o.command)
	}
	if o.remote.FunctionName != "" {
		in.Remote = &o.remote
		return in, nil // the server says what does not go with it
	}
	if o.remote != (wire.RemoteFunction{}) {
		return in, usage("--endpoint-url, --remote-region and --credentials-secret go with --remote")
	}
	if len(in.Command) == 0 {
		return in, usage("name a command with --command, or a function elsewhere with --remote")
	}
	if in.Folder, err = filepath.Abs(o.folder); err != nil {
		return in, err
	}
	if in.MemoryMB, err = parseMemory(o.memory); err != nil {
		return in, err
	}
	in.Environment, err = parseEnv(o.env, os.LookupEnv)
	return in, err
}

var memory = regexp.MustCompile(`^(\d{1,6})(MB|GB)$`)

// parseMemory reads 256MB or 2GB; 0 is the server's default.
func parseMemory(text string) (mb int, err error) {
	if text == "" {
		return 0, nil
	}
	m := memory.FindStringSubmatch(text)
	if m == nil {
		return 0, usage("--memory %q is no size; it looks like 256MB or 2GB", text)
	}
	if mb, err = strconv.Atoi(m[1]); err != nil {
		return 0, err
	}
	if m[2] == "GB" {
		mb *= 1024
	}
	return mb, nil
}

// parseEnv reads NAME=VALUE; NAME alone takes the value that it has here, so
// that a secret need not stand on a command line.
func parseEnv(vars []string, lookup func(string) (string, bool)) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			value, ok = lookup(name)
		}
		if name == "" || !ok {
			return nil, usage("--env %s is not NAME=VALUE, nor a variable that is set here", name)
		}
		if _, twice := out[name]; twice {
			return nil, usage("--env names %s twice", name)
		}
		out[name] = value
	}
	return out, nil
}
