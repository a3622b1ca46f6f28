package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
)

func (g *global) put() *cobra.Command {
	var file, description, typ string
	var tags []string
	var binary bool
	cmd := &cobra.Command{
		Use:   "put NAME",
		Short: "store a value, from standard input or a file; makes the secret if there is none",
		Long: `put stores a value as AWSCURRENT. The value comes from standard input or from a
file, never from an argument, which everybody on the machine could see. One
newline at the end is left out; --binary keeps every byte.

  echo '{"engine":"postgres","host":"127.0.0.1","username":"app","password":"..."}' | rota put app/db
` + exitHelp,
		Args: one,
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := g.readValue(file)
			if err != nil {
				return err
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			member, err := valueMember(value, binary)
			if err != nil {
				return err
			}
			pairs, err := parseTags(tags)
			if err != nil {
				return err
			}
			put := map[string]any{"SecretId": args[0], "ClientRequestToken": newID()}
			create := map[string]any{"Name": args[0], "ClientRequestToken": newID()}
			for k, v := range member {
				put[k], create[k] = v, v
			}
			if description != "" {
				create["Description"] = description
			}
			if typ != "" {
				create["Type"] = typ
			}
			if len(pairs) > 0 {
				create["Tags"] = pairs
			}
			var out struct{ ARN, Name, VersionId string }
			err = c.aws(cmd.Context(), "PutSecretValue", put, &out)
			made := missing(err)
			if made {
				err = c.aws(cmd.Context(), "CreateSecret", create, &out)
			} else if err == nil && len(pairs) > 0 {
				err = c.aws(cmd.Context(), "TagResource", map[string]any{"SecretId": args[0], "Tags": pairs}, nil)
			}
			if err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			verb := "stored a new version of"
			if made {
				verb = "made"
			}
			g.say("%s %s, version %s", verb, out.Name, out.VersionId)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "read the value from this file instead of standard input")
	f.BoolVar(&binary, "binary", false, "store every byte as it is, as SecretBinary")
	f.StringVar(&description, "description", "", "description, when the secret is made")
	f.StringVar(&typ, "type", "", "the Type that selects a provider file, when the secret is made")
	f.StringArrayVar(&tags, "tag", nil, "KEY=VALUE, may be repeated")
	return cmd
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
	}
	b, err := io.ReadAll(io.LimitReader(in, rota.MaxValueBytes+2))
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

func parseTags(tags []string) ([]map[string]string, error) {
	var out []map[string]string
	for _, t := range tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" {
			return nil, usage("--tag %q is not KEY=VALUE", t)
		}
		out = append(out, map[string]string{"Key": k, "Value": v})
	}
	return out, nil
}
