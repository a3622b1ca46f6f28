package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/function/local"
	"github.com/rotahq/rota/function/remote"
	"github.com/rotahq/rota/wire"
)

// conformanceOptions are the flags of function test.
type conformanceOptions struct {
	function                   functionAddOptions
	url                        string // of an Invoke endpoint
	listen                     string
	value                      string
	tags, secrets, secretTags  []string
	accepts, list, slow, reset string
	junit, only, valueOut      string
}

// The credentials of a function whose environment is not the kit's to set.
const (
	conformanceKey    = "AKIAROTACONFORMANCE"
	conformanceSecret = "rota-conformance"
	conformanceListen = "127.0.0.1:7684"
)

func (g *global) functionTest() *cobra.Command {
	var o conformanceOptions
	cmd := &cobra.Command{
		Use:   "test [NAME] [-- PROGRAM ARGUMENT...]",
		Short: "tell whether a rotation function survives: crashes, retries, late events",
		Long: `test plays the service's side of rotations against a function, in any language,
and tells which rules it breaks: every step twice and out of order, late events,
two at once, and a crash, a lost answer or an error at every call that it makes.

The function is a command that speaks the Lambda Runtime API, one that is
registered (NAME), or one behind an Invoke endpoint. It finds a Secrets Manager
of its own, with the rules of the real one; no server need run.

  rota function test --command ./bootstrap --folder build --value key.json \
      --accepts './try-key' --list './list-keys' --junit report.xml

Only the provider knows what it accepts and what lives there; what was not asked
is reported as not checked:

  --accepts CMD  the value is on standard input; exit 0 accepted, 1 refused, 2 unknown
  --list CMD     writes the ids of what lives, one a line
  --slow CMD     reads "on": what is made from now on is refused for now; or "off"
  --reset CMD    readies the provider for a case and writes the value that it accepts

rota function accepts and rota function list are such commands for the providers
that rota knows: --accepts 'rota function accepts postgres'. Use a provider for
tests: a function that loses credentials leaves them there.

A function behind --endpoint-url, such as a runtime emulator, must have been
started with AWS_ENDPOINT_URL_SECRETS_MANAGER=http://` + conformanceListen + ` (or what
--listen says), AWS_REGION=us-east-1, AWS_ACCESS_KEY_ID=` + conformanceKey + ` and
AWS_SECRET_ACCESS_KEY=` + conformanceSecret + `.
` + exitHelp + `
5 the function breaks a rule.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := cmd.ArgsLenAtDash(); n > 1 || n < 0 && len(args) > 1 {
				return usage("test wants one function: a name, or a command after --command or --; see: rota function test --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if cmd.ArgsLenAtDash() != 0 && len(args) > 0 {
				name, args = args[0], args[1:]
			}
			return g.testFunction(cmd.Context(), o, name, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.function.command, "command", "", "the program with its arguments, cut at spaces")
	f.StringVar(&o.function.folder, "folder", "", "its folder (default the one you are in)")
	f.StringVar(&o.function.handler, "handler", "", "_HANDLER, such as app.handler")
	f.StringArrayVar(&o.function.env, "env", nil, "NAME=VALUE, may be repeated; NAME alone takes the value that it has here")
	f.DurationVar(&o.function.timeout, "timeout", 30*time.Second, "how long one step may take")
	f.StringVar(&o.function.memory, "memory", "", "how much memory all its processes may use (default 256MB)")
	f.StringVar(&o.url, "endpoint-url", "", "where an Invoke API serves the function as \"function\"")
	f.StringVar(&o.listen, "listen", "", "where the function finds Secrets Manager (default a free port; with --endpoint-url "+conformanceListen+")")
	f.StringVar(&o.value, "value", "", "file with the secret's first value, which the provider accepts; - is standard input")
	f.StringArrayVar(&o.tags, "tag", nil, "KEY=VALUE of the secret in rotation, may be repeated")
	f.StringArrayVar(&o.secrets, "secret", nil, "NAME=FILE: another secret that the function reads, may be repeated")
	f.StringArrayVar(&o.secretTags, "secret-tag", nil, "NAME:KEY=VALUE: a tag of another secret, may be repeated")
	f.StringVar(&o.accepts, "accepts", "", "command that tries a value")
	f.StringVar(&o.list, "list", "", "command that lists what lives at the provider")
	f.StringVar(&o.slow, "slow", "", "command that makes the provider slow to accept")
	f.StringVar(&o.reset, "reset", "", "command that readies the provider for a case")
	f.StringVar(&o.junit, "junit", "", "write the report to this file too, as JUnit's XML")
	f.StringVar(&o.valueOut, "value-out", "", "write the value that the provider accepts at the end to this file (may be that of --value): the next run begins with it")
	f.StringVar(&o.only, "only", "", "play only the cases whose name holds this")
	return cmd
}

func (g *global) testFunction(ctx context.Context, o conformanceOptions, name string, program []string) error {
	c := conformance.Config{
		Timeout: o.function.timeout, Listen: o.listen, Now: time.Now, NewID: newID, Rand: rand.Reader, Progress: g.progress(),
	}
	picked := o.only == ""
	if o.only != "" {
		c.Play = func(name string) bool {
			hit := strings.Contains(name, o.only)
			picked = picked || hit
			return hit
		}
	}
	if err := o.config(&c, g.in); err != nil {
		return err
	}
	if err := g.tested(ctx, o, name, program, &c); err != nil {
		return err
	}
	report, err := conformance.Run(ctx, c)
	err = errors.Join(err, g.keepValue(o, c.Value, report))
	if report.Invocations == 0 && err != nil {
		return err
	}
	if werr := g.reports(report, o.junit); werr != nil {
		return werr
	}
	switch broken := report.Broken(); {
	case err != nil:
		return err
	case len(broken) > 0:
		return &exitError{exitFound, fmt.Errorf("the function breaks what a rotation must hold: %s", strings.Join(broken, ", "))}
	case report.Stopped != "":
		return fmt.Errorf("not all cases were played: %s", report.Stopped)
	case !picked:
		return usage("no case has a name that holds %q: only rotations with nothing in their way were played; --json without --only lists the names", o.only)
	}
	return nil
}

// keepValue keeps the value with which another run can begin: the one that
// this run began with is most likely dead.
func (g *global) keepValue(o conformanceOptions, began rota.Value, r conformance.Report) error {
	switch {
	case r.Value.Equal(began):
	case o.valueOut == "":
		if o.reset == "" {
			g.say("the provider has a new value now, which is not kept: for another run name a file for it with --value-out, or give --reset")
		}
	case r.Value.IsZero():
		g.say("it is not known which value the provider accepts now: %s was not written", o.valueOut)
	default:
		return writeFile(o.valueOut, string(r.Value.Reveal())+"\n")
	}
	return nil
}

// reports writes the report.
func (g *global) reports(r conformance.Report, junit string) error {
	if junit != "" {
		f, err := os.Create(junit)
		if err != nil {
			return err
		}
		err = r.JUnit(f)
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	if g.json {
		return r.JSON(g.out)
	}
	return r.Text(g.out)
}

// progress tells a person at a terminal which case is played.
func (g *global) progress() func(string, int, int) {
	if !terminal(g.err) {
		return nil
	}
	return func(name string, n, of int) { g.say("%d/%d %s", n, of, name) }
}

// config reads the files and commands that the flags name.
func (o conformanceOptions) config(c *conformance.Config, stdin io.Reader) (err error) {
	if o.function.timeout < time.Second || o.function.timeout > function.MaxTimeout {
		return usage("--timeout %s is none of a function: it is between 1s and %s", o.function.timeout, function.MaxTimeout)
	}
	switch {
	case o.value == "" && o.reset == "":
		return usage("--value names a file with the secret's first value, which the provider accepts now; or --reset a command that writes one")
	case o.value == "-":
		b, err := io.ReadAll(io.LimitReader(stdin, rota.MaxValueBytes+1))
		if err != nil {
			return err
		}
		c.Value = rota.StringValue(strings.TrimSuffix(string(b), "\n"))
	case o.value != "":
		if c.Value, err = valueFile(o.value); err != nil {
			return err
		}
	}
	for _, t := range o.tags {
		key, value, ok := strings.Cut(t, "=")
		if !ok || key == "" {
			return usage("--tag %s is not KEY=VALUE", t)
		}
		c.Tags = append(c.Tags, rota.Tag{Key: key, Value: value})
	}
	for _, s := range o.secrets {
		name, file, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return usage("--secret %s is not NAME=FILE", s)
		}
		v, err := valueFile(file)
		if err != nil {
			return err
		}
		c.Others = append(c.Others, conformance.Secret{Name: name, Value: v})
	}
	if err := o.tagSecrets(c.Others); err != nil {
		return err
	}
	if o.accepts != "" {
		c.Provider.Accepts = conformance.AcceptsCommand(o.accepts)
	}
	if o.list != "" {
		c.Provider.List = conformance.ListCommand(o.list)
	}
	if o.slow != "" {
		c.Provider.Slow = conformance.SlowCommand(o.slow)
	}
	if o.reset != "" {
		c.Provider.Reset = conformance.ResetCommand(o.reset)
	}
	return nil
}

// tagSecrets puts the tags on the other secrets.
func (o conformanceOptions) tagSecrets(others []conformance.Secret) error {
	for _, t := range o.secretTags {
		name, tag, _ := strings.Cut(t, ":")
		key, value, ok := strings.Cut(tag, "=")
		i := slices.IndexFunc(others, func(s conformance.Secret) bool { return s.Name == name })
		if !ok || key == "" || i < 0 {
			return usage("--secret-tag %s is not NAME:KEY=VALUE with the NAME of a --secret", t)
		}
		others[i].Tags = append(others[i].Tags, rota.Tag{Key: key, Value: value})
	}
	return nil
}

func valueFile(name string) (rota.Value, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return rota.Value{}, err
	}
	return rota.StringValue(strings.TrimSuffix(string(b), "\n")), nil
}

// tested finds the function: registered, a command, or behind an endpoint.
func (g *global) tested(ctx context.Context, o conformanceOptions, name string, program []string, c *conformance.Config) error {
	if o.url != "" && (name != "" || len(program) > 0 || o.function.command != "") || name != "" && (len(program) > 0 || o.function.command != "") {
		return usage("test one function: a name, a command or --endpoint-url")
	}
	target := remote.Target{Function: "function", Region: conformance.Region, Endpoint: o.url}
	in := wire.PutFunctionInput{}
	if name != "" {
		f, err := g.registered(ctx, name)
		if err != nil {
			return err
		}
		c.Name = name
		if f.Remote != nil {
			target.Function, target.Endpoint = f.Remote.FunctionName, f.Remote.Endpoint
			if target.Endpoint == "" {
				return usage("the function %s is on AWS, where it finds AWS's own secrets: test it as a command, or in a runtime emulator with --endpoint-url", name)
			}
			o.url = target.Endpoint
		}
		in.Command, in.Folder, in.Handler, in.MemoryMB = f.Command, f.Folder, f.Handler, f.MemoryMB
		if in.Environment, err = parseEnv(o.function.env, os.LookupEnv); err != nil {
			return err
		}
		for _, v := range f.Variables {
			if _, ok := in.Environment[v]; !ok {
				return usage("the environment of %s is sealed and stays on the server: give --env %s", name, v)
			}
		}
	}
	if o.url != "" {
		c.Name = or(c.Name, o.url)
		c.Listen = or(c.Listen, conformanceListen)
		c.AccessKeyID, c.SecretAccessKey = conformanceKey, conformanceSecret
		keys := remote.Keys{AccessKeyID: conformanceKey, SecretAccessKey: rota.StringValue(conformanceSecret)}
		c.Function = conformance.Remote(remote.New(target, keys))
		return nil
	}
	if name == "" {
		var err error
		if in, err = o.function.input(append([]string{"conformance"}, program...)); err != nil {
			return err
		}
		c.Name = strings.Join(in.Command, " ")
	}
	return localTested(in, o.function.timeout, c)
}

// registered asks the server how a function is invoked.
func (g *global) registered(ctx context.Context, name string) (wire.ShownFunction, error) {
	client, err := g.client()
	if err != nil {
		return wire.ShownFunction{}, err
	}
	var out wire.GetFunctionOutput
	err = client.own(ctx, "GetFunction", wire.GetFunctionInput{FunctionName: name}, &out)
	return out.Function, err
}

const defaultFunctionMemory = 256

func localTested(in wire.PutFunctionInput, timeout time.Duration, c *conformance.Config) error {
	spec := local.Spec{
		Name: "conformance", ARN: "arn:aws:lambda:" + conformance.Region + ":" + conformance.Account + ":function:conformance",
		Argv: in.Command, Folder: in.Folder, Handler: in.Handler, Timeout: timeout, Memory: int64(max(in.MemoryMB, 0)) << 20,
	}
	if in.MemoryMB == 0 {
		spec.Memory = defaultFunctionMemory << 20
	}
	if !filepath.IsAbs(spec.Folder) {
		return usage("the folder of the function %q is not absolute", spec.Folder)
	}
	if err := local.CheckEnvironment(in.Environment); err != nil {
		return usage("--env: %w", err)
	}
	if in.Environment[local.EndpointVariable] != "" {
		return usage("--env: the kit plays the service: leave %s out", local.EndpointVariable)
	}
	if err := local.CheckCommand(in.Command[0], in.Folder, in.Environment["PATH"]); err != nil {
		return usage("the function cannot be started: %w", err)
	}
	for name, value := range in.Environment {
		spec.Env = append(spec.Env, name+"="+value)
	}
	slices.Sort(spec.Env)
	c.Function = conformance.Local(local.Host{Now: time.Now, NewID: newID}, spec)
	return nil
}
