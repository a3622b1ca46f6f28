package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) show() *cobra.Command {
	var journal int
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "show one secret: versions, labels, credential ledger, journal, readers",
		Long: `show prints all that rota knows of one secret, but no value: its versions with
their labels, the credential ledger (what was made, what must end, what is proven
dead, and on what evidence), who fetched it, and the journal of every step.
` + exitHelp,
		Args:              one,
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.ShowOutput
			if err := c.own(cmd.Context(), "Show", wire.ShowInput{SecretId: args[0], MaxJournal: journal}, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			return g.showText(out)
		},
	}
	cmd.Flags().IntVar(&journal, "journal", 20, "how many journal entries, 1 to 1000")
	return cmd
}

func (g *global) showText(s wire.ShowOutput) error {
	head := [][]string{
		{"name", s.Name},
		{"arn", s.ARN},
		{"state", s.State},
		{"function", orDash(s.Rotator)},
		{"last rotated", when(s.LastRotated)},
		{"next", when(s.Next)},
		{"overlap open until", overlap(s.SecretStatus)},
	}
	if s.Detail != "" {
		head = append(head, []string{"detail", s.Detail})
	}
	rows := [][]string{{"VERSION", "CREATED", "LABELS"}}
	for _, v := range s.Versions {
		labels := strings.Join(v.Labels, " ")
		if v.Empty {
			labels += " (empty)"
		}
		rows = append(rows, []string{v.VersionId, when(&v.Created), orDash(labels)})
	}
	ledger := [][]string{{"CREDENTIAL OF", "PRINCIPAL", "STATE", "ENDS", "POLICY", "EVIDENCE"}}
	for _, c := range s.Credentials {
		ledger = append(ledger, []string{c.VersionId, orDash(c.Principal), c.State, when(c.NotBefore), orDash(c.Policy), orDash(c.Evidence)})
	}
	readers := [][]string{{"READER", "VERSION", "FIRST", "LAST", "GRADE"}}
	for _, r := range s.Readers {
		readers = append(readers, []string{r.Principal, r.VersionId, when(&r.First), when(&r.Last), r.Grade})
	}
	for i, t := range [][][]string{head, rows, ledger, readers} {
		if i > 0 {
			if len(t) == 1 {
				continue
			}
			if _, err := fmt.Fprintln(g.out); err != nil {
				return err
			}
		}
		if err := g.table(t); err != nil {
			return err
		}
	}
	if len(s.Journal) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(g.out, "\nJOURNAL"); err != nil {
		return err
	}
	for _, e := range s.Journal {
		if _, err := fmt.Fprintln(g.out, entryLine(e)); err != nil {
			return err
		}
	}
	return nil
}

// entryLine is a journal entry as a line; the same for show and for watching.
func entryLine(e wire.ShownEntry) string {
	took := (time.Duration(e.Milliseconds) * time.Millisecond).String()
	line := fmt.Sprintf("%s  %-13s %-7s %7s", when(&e.Started), e.Step, e.Outcome, took)
	if e.Cause != "" {
		line += "  " + e.Cause
	}
	if e.Next != "" {
		line += "  -> " + e.Next
	}
	return line
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
