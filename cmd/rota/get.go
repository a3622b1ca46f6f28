package main

import (
	"encoding/base64"
	"fmt"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

func (g *global) get() *cobra.Command {
	var version, stage string
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "print a value",
		Long: `get prints a value to standard output, byte for byte; on a terminal a newline
follows. Without flags it is the AWSCURRENT one.
` + exitHelp,
		Args:              one,
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			in := map[string]string{"SecretId": args[0]}
			if version != "" {
				in["VersionId"] = version
			}
			if stage != "" {
				in["VersionStage"] = stage
			}
			var out struct {
				ARN, Name, VersionId       string
				SecretString, SecretBinary *string `json:",omitempty"`
				VersionStages              []string
				CreatedDate                float64
			}
			if err := c.aws(cmd.Context(), "GetSecretValue", in, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			var value []byte
			if out.SecretString != nil {
				value = []byte(*out.SecretString)
			} else if out.SecretBinary != nil {
				if value, err = base64.StdEncoding.DecodeString(*out.SecretBinary); err != nil {
					return fmt.Errorf("the server's answer is damaged: %w", err)
				}
			}
			if terminal(g.out) {
				value = append(value, '\n')
			}
			_, err = g.out.Write(value)
			return err
		},
	}
	cmd.Flags().StringVar(&version, "version-id", "", "a version by its id")
	cmd.Flags().StringVar(&stage, "stage", "", "the version with this staging label")
	return cmd
}

// terminal reports whether a person is at the other end.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
