package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/function/invoke"
	"github.com/rotahq/rota/rotation"
)

// global is what every verb has.
type global struct {
	streams
	data        string
	endpoint    string
	credentials string
	json        bool
	rotators    []rotation.Rotator
}

const defaultData = "./rota-data"

func (g *global) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&g.data, "data", envOr("ROTA_DATA", defaultData), "data folder: where the server keeps everything, and where the client finds its keys (ROTA_DATA)")
	f.StringVar(&g.endpoint, "endpoint", os.Getenv("ROTA_ENDPOINT"), "address of the server (ROTA_ENDPOINT; else the file endpoint of the data folder)")
	f.StringVar(&g.credentials, "credentials", os.Getenv("ROTA_CREDENTIALS"), "file with the keys to sign with, in the format of the AWS credentials file (ROTA_CREDENTIALS; else the file credentials of the data folder)")
	f.BoolVar(&g.json, "json", false, "results, and errors, as JSON")
}

func envOr(name, or string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return or
}

func (g *global) file(name string) string { return filepath.Join(g.data, name) }

// print writes a result as JSON.
func (g *global) print(v any) error {
	e := json.NewEncoder(g.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// fail reports an error, as a person or a script wants it.
func (g *global) fail(err error) {
	if !g.json {
		g.say("%s", err)
		return
	}
	b, _ := json.Marshal(map[string]string{"error": err.Error(), "code": codeOf(err)}) // two strings always encode
	_, _ = fmt.Fprintln(g.err, string(b))
}

// codeOf is the name of an error, for scripts: the server's, the function's, or
// that of the exit code.
func codeOf(err error) string {
	var api *apiError
	var failed *invoke.Failure
	var exit *exitError
	switch {
	case errors.As(err, &api):
		return api.Type
	case errors.As(err, &failed):
		return failed.Type
	case !errors.As(err, &exit):
		return "Failed"
	}
	switch exit.code {
	case exitUsage:
		return "Usage"
	case exitNoReach:
		return "Unreachable"
	case exitMissing:
		return "NotFound"
	case exitFound:
		return "RuleBroken"
	case exitInterrupted:
		return "Interrupted"
	}
	return "Failed"
}

// table writes rows in columns.
func (g *global) table(rows [][]string) error {
	w := tabwriter.NewWriter(g.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				_, _ = fmt.Fprint(w, "\t")
			}
			_, _ = fmt.Fprint(w, cell)
		}
		_, _ = fmt.Fprintln(w)
	}
	return w.Flush()
}

// when is a time as a person reads it, "-" for none.
func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// one wants exactly the secret's name.
func one(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s wants one secret name; see: %s --help", cmd.Name(), cmd.CommandPath())
	}
	return nil
}

func none(cmd *cobra.Command, args []string) error {
	if len(args) != 0 {
		return usage("%s takes no argument, got %q; see: %s --help", cmd.Name(), args, cmd.CommandPath())
	}
	return nil
}

// printLine writes a result as one line of JSON.
func (g *global) printLine(v any) error { return json.NewEncoder(g.out).Encode(v) }
