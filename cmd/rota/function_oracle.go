package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/function/conformance"
	"github.com/rotahq/rota/function/conformance/keyprovider"
	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotators"
)

// keysProvider is the name of the provider of keys that rota function provider
// starts.
const keysProvider = "keys"

// The exit codes of function accepts, as function test reads them.
const (
	exitRefused = 1
	exitUnknown = 2
)

func (g *global) functionAccepts() *cobra.Command {
	return &cobra.Command{
		Use:   "accepts PROVIDER",
		Short: "try a value at its provider, for function test --accepts",
		Long: `accepts reads a value from standard input, tries its credential once and changes
nothing. PROVIDER is a rotator that rota has (postgres, rabbitmq, ...) or ` + keysProvider + `,
the provider of rota function provider. Settings come from ROTA_<NAME>, as with
rota serve.

  rota function accepts postgres < value.json

Exit codes: 0 the provider accepts the value, 1 it refuses it, 2 nobody knows.`,
		Args: oneProvider,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := io.ReadAll(io.LimitReader(g.in, rota.MaxValueBytes+1))
			if err != nil {
				return unknown(err)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 20*time.Second)
			defer cancel()
			return g.tries(ctx, args[0], rota.StringValue(strings.TrimSuffix(string(b), "\n")))
		},
	}
}

func oneProvider(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s wants one provider; see: %s --help", cmd.Name(), cmd.CommandPath())
	}
	return nil
}

func unknown(err error) error { return &exitError{exitUnknown, err} }

// tries asks a provider about a value.
func (g *global) tries(ctx context.Context, provider string, v rota.Value) error {
	refused := &exitError{exitRefused, errors.New("the provider refuses the value")}
	if provider == keysProvider {
		switch verdict, err := keyprovider.Accepts(ctx, v); {
		case err != nil:
			return unknown(err)
		case verdict == conformance.Accepted:
			return nil
		case verdict == conformance.Refused:
			return refused
		}
		return unknown(errors.New("the provider does not answer"))
	}
	catalog, err := rotators.Catalog(g.rotators...)
	if err != nil {
		return unknown(err)
	}
	if _, ok := catalog.ByName(provider); !ok {
		return unknown(fmt.Errorf("rota has no rotator %q", provider))
	}
	v = withEngine(provider, v)
	s := rota.Secret{
		Key:  rota.Key{Account: conformance.Account, Region: conformance.Region},
		Name: "value", Suffix: "000000", Tags: []rota.Tag{{Key: rotation.TagPrefix + rotation.SettingRotator, Value: provider}},
	}
	selected, err := rotation.Select(catalog, s, v, os.Getenv)
	if err != nil {
		return unknown(err)
	}
	err = selected.Rotator.Try(ctx, rotation.Request{SecretARN: s.ARN(), Settings: selected.Settings, Current: v, Rand: rand.Reader, Now: time.Now()}, v)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rotation.ErrRefused):
		return refused
	}
	return unknown(err)
}

// withEngine fills in the member "engine" of AWS's database secrets, which
// functions of one's own may leave out.
func withEngine(provider string, v rota.Value) rota.Value {
	var object map[string]json.RawMessage
	if json.Unmarshal(v.Reveal(), &object) != nil || object["engine"] != nil || object["host"] == nil {
		return v
	}
	object["engine"] = json.RawMessage(strconv.Quote(provider))
	b, err := json.Marshal(object)
	if err != nil {
		return v
	}
	return rota.StringValue(string(b))
}

func (g *global) functionList() *cobra.Command {
	var admin string
	cmd := &cobra.Command{
		Use:   "list PROVIDER",
		Short: "list what lives at a provider, for function test --list",
		Long: `list writes the ids of the credentials that live at a provider, one a line.
PROVIDER is ` + keysProvider + `, the provider of rota function provider; --admin is its file
admin.json. At PostgreSQL nothing is lost by a crash: passwords belong to users.

  rota function list keys --admin admin.json
` + exitHelp,
		Args: oneProvider,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := adminOf(args[0], admin)
			if err != nil {
				return err
			}
			ids, err := a.List(cmd.Context())
			for _, id := range ids {
				if _, err := fmt.Fprintln(g.out, id); err != nil {
					return err
				}
			}
			return err
		},
	}
	cmd.Flags().StringVar(&admin, "admin", "admin.json", "file with the admin's value")
	return cmd
}

func (g *global) functionSlow() *cobra.Command {
	var admin string
	cmd := &cobra.Command{
		Use:   "slow PROVIDER",
		Short: "make a provider slow to accept, for function test --slow",
		Long: `slow reads "on" or "off" from standard input. With "on" the provider refuses the
credentials that are made from then on, with "off" it accepts them again.
PROVIDER is ` + keysProvider + `, the provider of rota function provider.
` + exitHelp,
		Args: oneProvider,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := adminOf(args[0], admin)
			if err != nil {
				return err
			}
			b, err := io.ReadAll(io.LimitReader(g.in, 16))
			if err != nil {
				return err
			}
			word := strings.TrimSpace(string(b))
			if word != "on" && word != "off" {
				return usage("slow reads on or off from standard input")
			}
			return a.Slow(cmd.Context(), word == "on")
		},
	}
	cmd.Flags().StringVar(&admin, "admin", "admin.json", "file with the admin's value")
	return cmd
}

// adminOf reads the admin's value of the provider of keys.
func adminOf(provider, file string) (keyprovider.Value, error) {
	if provider != keysProvider {
		return keyprovider.Value{}, usage("only the provider %s is known, not %q", keysProvider, provider)
	}
	v, err := valueFile(file)
	if err != nil {
		return keyprovider.Value{}, err
	}
	a, err := keyprovider.ParseValue(v)
	if err != nil {
		return a, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}
