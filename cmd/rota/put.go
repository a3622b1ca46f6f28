package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
)

// putOptions are the flags of put.
type putOptions struct {
	file        string
	binary      bool
	description string
	typ         string
	tags        []string
}

func (g *global) put() *cobra.Command {
	var o putOptions
	cmd := &cobra.Command{
		Use:   "put NAME",
		Short: "store a value, from standard input or a file; makes the secret if there is none",
		Long: `put stores a value as AWSCURRENT. The value comes from standard input or from a
file, never from an argument, which everybody on the machine could see. One
newline at the end is left out; --binary keeps every byte.

  echo '{"engine":"postgres","host":"127.0.0.1","username":"app","password":"..."}' | rota put app/db
` + exitHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 { // what follows may be the value, and is not repeated
				return usage("put wants one secret name; the value comes from standard input or from --file, not from an argument: rota put NAME < FILE")
			}
			return one(cmd, args)
		},
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			tags, err := parseTags("--tag", o.tags)
			if err != nil {
				return err
			}
			value, err := g.readValue(o.file)
			if err != nil {
				return err
			}
			in, err := valueMember(value, o.binary)
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			out, err := o.store(cmd.Context(), c, args[0], in, tags)
			if err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			verb := "stored a new version of"
			if out.Made {
				verb = "made"
			}
			g.say("%s %s, version %s", verb, out.Name, out.VersionId)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.file, "file", "", "read the value from this file instead of standard input")
	f.BoolVar(&o.binary, "binary", false, "store every byte as it is, as SecretBinary")
	f.StringVar(&o.description, "description", "", "description of the secret")
	f.StringVar(&o.typ, "type", "", "the Type of the secret, which selects a provider file")
	f.StringArrayVar(&o.tags, "tag", nil, "KEY=VALUE, may be repeated; a rota: tag is a setting")
	return cmd
}

type putResult struct {
	ARN, Name, VersionId string
	Made                 bool // there was no secret of that name
}

// store writes the value, and what else was given. in holds the value. The
// tags come first: settings that are refused leave the value as it was.
func (o putOptions) store(ctx context.Context, c *client, name string, in map[string]any, tags []map[string]string) (out putResult, err error) {
	in["ClientRequestToken"] = newID()
	if o.description != "" {
		in["Description"] = o.description
	}
	if o.typ != "" {
		in["Type"] = o.typ
	}
	update := maps.Clone(in)
	update["SecretId"] = name
	operation := "PutSecretValue"
	if o.description != "" || o.typ != "" {
		operation = "UpdateSecret"
	}
	if len(tags) > 0 {
		err = c.aws(ctx, "TagResource", map[string]any{"SecretId": name, "Tags": tags}, nil)
	}
	if err == nil {
		err = c.aws(ctx, operation, update, &out)
	}
	if !missing(err) {
		return out, err
	}
	in["Name"] = name
	if len(tags) > 0 {
		in["Tags"] = tags
	}
	out.Made = true
	return out, c.aws(ctx, "CreateSecret", in, &out)
}

// readValue reads a value from a file or standard input.
func (g *global) readValue(file string) ([]byte, error) {
	in := g.in
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read the value: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	} else if terminal(g.in) {
		g.say("type the value, then Ctrl-D on a line of its own")
	}
	b, err := io.ReadAll(io.LimitReader(in, rota.MaxValueBytes+2)) // two more, so that too much is refused, not cut
	if err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	if len(b) == 0 {
		return nil, usage("there is no value on standard input; pipe one in, or name a file with --file")
	}
	return b, nil
}

func valueMember(value []byte, binary bool) (map[string]any, error) {
	if binary {
		return map[string]any{"SecretBinary": base64.StdEncoding.EncodeToString(value)}, nil
	}
	if !utf8.Valid(value) {
		return nil, usage("the value is not text; store it as it is with --binary")
	}
	return map[string]any{"SecretString": strings.TrimSuffix(string(value), "\n")}, nil
}

func parseTags(flag string, tags []string) ([]map[string]string, error) {
	var out []map[string]string
	for _, t := range tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" {
			return nil, usage("%s %q is not KEY=VALUE", flag, t)
		}
		out = append(out, map[string]string{"Key": k, "Value": v})
	}
	return out, nil
}
