package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/wire"
)

func (g *global) principalSession() *cobra.Command {
	var duration, file, name, to string
	cmd := &cobra.Command{
		Use:   "session",
		Short: "make temporary credentials for yourself, limited by a policy if you like",
		Long: `session makes temporary credentials for whoever calls: for a job, a container, a
shell. They may do what the caller may and, with --policy, nothing that the policy
does not allow. They end by themselves, and with the access key that they were
made with. They cannot manage principals, nor make others.

  eval "$(rota principal session --duration 1h)"          # into this shell
  rota principal session --policy read.json --to job.credentials

With --json it is what the AWS CLI and SDKs want of a credential_process:

  credential_process = rota principal session --data /var/lib/rota --json
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := wire.GetSessionTokenInput{SessionName: name}
			d, err := rotation.ParseDuration(duration)
			if err != nil {
				return usage("--duration: %w", err)
			}
			in.DurationSeconds = int64(d / time.Second)
			if file != "" {
				if in.Policy, err = g.readDocument(file); err != nil {
					return err
				}
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			keyFile, err := newKeyFile(to)
			if err != nil {
				return err
			}
			defer keyFile.discard()
			var out wire.GetSessionTokenOutput
			if err := c.own(cmd.Context(), "GetSessionToken", in, &out); err != nil {
				return err
			}
			k := newKey{out.AccessKeyId, out.SecretAccessKey.Value, out.SessionToken.Value, out.Expiration, c.keys.region}
			if keyFile == nil {
				return g.tellSession(k)
			}
			if err := keyFile.write(k); err != nil {
				return err
			}
			g.say("wrote temporary credentials %s, until %s, to %s", k.id, when(&k.expires), to)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&duration, "duration", "1h", "how long they hold: 15m to 36h")
	f.StringVar(&file, "policy", "", "a session policy, in IAM's JSON: they may do nothing else; - reads standard input")
	f.StringVar(&name, "name", "", "what to call them in audit records and as a reader, such as a job's name")
	toFlag(cmd, &to)
	return cmd
}

// tellSession prints credentials as the shell or the AWS SDKs read them
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).
func (g *global) tellSession(k newKey) error {
	if g.json {
		return g.print(map[string]any{
			"Version": 1, "AccessKeyId": k.id, "SecretAccessKey": wire.Disclosed{Value: k.secret}, "SessionToken": wire.Disclosed{Value: k.token},
			"Expiration": k.expires,
		})
	}
	for _, v := range [][2]string{
		{"AWS_ACCESS_KEY_ID", k.id},
		{"AWS_SECRET_ACCESS_KEY", string(k.secret.Reveal())},
		{"AWS_SESSION_TOKEN", string(k.token.Reveal())},
		{"AWS_DEFAULT_REGION", k.region},
	} {
		if _, err := fmt.Fprintf(g.out, "export %s=%s\n", v[0], shellQuote(v[1])); err != nil {
			return err
		}
	}
	g.say("temporary credentials %s, until %s", k.id, when(&k.expires))
	return nil
}
