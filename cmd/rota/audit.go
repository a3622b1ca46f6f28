package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/access/audit"
)

func (g *global) audit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "check the record of who asked for what",
		Long: `audit reads the record that rota serve keeps: files of JSON lines in the folder
audit of the data folder, one event for each call and each turn of a rotation, in
the shape of AWS CloudTrail's events. Each line has the hash of the one before it.

It reads the files, needs no server, and may run while one writes.
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(g.auditVerify(), g.auditHead())
	return cmd
}

func (g *global) auditVerify() *cobra.Command {
	var dir, head string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "check that no line was changed, removed, added or reordered",
		Long: `verify reads every line and checks it against the one before it. The first one
that does not fit is named, and the exit code is 1.

A chain cannot show by itself that its end was cut off, or that all of it was
written anew. Note its head elsewhere from time to time, and check against it:

  rota audit head >> /somewhere/else/heads
  rota audit verify --head "$(tail -n 1 /somewhere/else/heads)"

Old files may be moved away from the front. To check them together with the
rest, put them into one folder and name it with --dir.

  rota audit verify
  rota audit verify --dir /backup/audit --json
` + exitHelp,
		Args: none,
		RunE: func(_ *cobra.Command, _ []string) error {
			var noted audit.Head
			if head != "" {
				var err error
				if noted, err = audit.ParseHead(head); err != nil {
					return usage("--head %w", err)
				}
			}
			r, err := g.verify(dir, noted)
			if err != nil {
				return err
			}
			if g.json {
				return g.print(r)
			}
			return g.report(r)
		},
	}
	g.auditDir(cmd, &dir)
	cmd.Flags().StringVar(&head, "head", "", "a head that was noted, NUMBER:HASH: the chain must contain it")
	return cmd
}

func (g *global) auditHead() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "head",
		Short: "print the end of the chain, to note it elsewhere",
		Long: `head checks the chain and prints its end as NUMBER:HASH. Kept where nobody who may
write the folder can change it, it shows later that nothing before it was changed
or cut off: rota audit verify --head.
` + exitHelp,
		Args: none,
		RunE: func(_ *cobra.Command, _ []string) error {
			r, err := g.verify(dir, audit.Head{})
			if err != nil {
				return err
			}
			if r.Records == 0 {
				return errors.New("nothing is recorded yet: there is no head to note")
			}
			if g.json {
				return g.print(r.Head)
			}
			_, err = fmt.Fprintln(g.out, r.Head)
			return err
		},
	}
	g.auditDir(cmd, &dir)
	return cmd
}

func (g *global) auditDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "folder of the record (default: audit in the data folder)")
}

func (g *global) verify(dir string, noted audit.Head) (audit.Report, error) {
	if dir == "" {
		dir = g.file(auditFolder)
	}
	r, err := audit.Verify(dir, noted)
	var broken *audit.Break
	switch {
	case errors.As(err, &broken):
		return r, fmt.Errorf("the record in %s does not hold: %w", dir, err)
	case errors.Is(err, os.ErrNotExist):
		return r, fmt.Errorf("there is no record in %s: %w; name its folder with --dir", dir, err)
	case err != nil:
		return r, fmt.Errorf("read the record in %s: %w", dir, err)
	}
	return r, nil
}

// report says what was checked.
func (g *global) report(r audit.Report) error {
	if r.Records == 0 {
		_, err := fmt.Fprintln(g.out, "nothing is recorded yet")
		return err
	}
	text := fmt.Sprintf("the chain holds: %d records in %d files, %d to %d\nhead %s\n", r.Records, r.Files, r.First, r.Head.Sequence, r.Head)
	if r.Noted {
		text += "it contains the head that was noted\n"
	}
	if r.First > 1 {
		text += fmt.Sprintf("records 1 to %d are not here\n", r.First-1)
	}
	if r.Torn {
		text += "the last line is not whole: it is being written, or a crash left it and it was never acknowledged\n"
	}
	_, err := fmt.Fprint(g.out, text)
	return err
}
