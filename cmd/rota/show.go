package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

func (g *global) show() *cobra.Command {
	var journal int
	var rotator string
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "show one secret: versions, labels, credential ledger, journal, readers",
		Long: `show prints all that rota knows of one secret, but no value: its versions with
their labels, the credential ledger (what was made, what must end, what is proven
dead, and on what evidence), who fetched it, and the journal of every step.

Before it rotates it shows how it will: how many credentials live at once, what
happens to the old one, and each setting that is in force with where it comes
from. --rotator shows that of a secret that is not set up yet.

  rota show app/db --rotator postgres
` + exitHelp,
		Args:              one,
		ValidArgsFunction: g.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if journal < 1 || journal > mostJournal {
				return usage("--journal is a number from 1 to %d", mostJournal)
			}
			c, err := g.client()
			if err != nil {
				return err
			}
			in := wire.ShowInput{SecretId: args[0], MaxJournal: journal}
			if rotator != "" {
				in.RotationLambdaARN = functionARN("", "rota-"+rotator) // of one of rota's own only the name counts
			}
			var out wire.ShowOutput
			if err := c.own(cmd.Context(), "Show", in, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			return g.showText(out)
		},
	}
	cmd.Flags().IntVar(&journal, "journal", 20, "how many journal entries, 1 to 1000")
	cmd.Flags().StringVar(&rotator, "rotator", "", "show the plan as it would be with this built-in rotator")
	return cmd
}

// mostJournal is how much of a journal the server shows at once.
const mostJournal = 1000

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
	head = append(head, planText(s)...)
	settings := [][]string{{"SETTING", "VALUE", "FROM"}}
	if s.Plan != nil {
		for _, one := range s.Plan.Settings {
			settings = append(settings, []string{one.Name, one.Value, one.From})
		}
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
	for i, t := range [][][]string{head, settings, rows, ledger, readers} {
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

// planText is how the secret will be rotated, as a person reads it.
func planText(s wire.ShowOutput) (rows [][]string) {
	row := func(name, text string) { rows = append(rows, []string{name, text}) }
	if s.Problem != "" {
		row("cannot be rotated", s.Problem)
	}
	p := s.Plan
	if p == nil {
		return rows
	}
	switch p.Capacity {
	case 0:
		row("live at once", "many: the old credential works until its end")
	case 1:
		row("live at once", "1: the old credential is refused from setSecret on, and the new one is AWSCURRENT after finishSecret; in this gap")
		row("", "clients fail. There is no overlap, so expire does not apply; the old one is proven dead right after")
		if gap, ok := lastGap(s.Journal); ok {
			row("last gap", "at most "+gap.String())
		}
	default:
		row("live at once", strconv.Itoa(p.Capacity)+": the old credential works until its end, which a scheduled rotation waits for")
	}
	lag := "at once"
	if p.RevocationLagSeconds > 0 {
		lag = "at most " + time.Duration(p.RevocationLagSeconds*float64(time.Second)).String() + " after its end"
	}
	row("an ended one is refused", lag)
	if p.CannotDetect != "" {
		row("cannot be detected", p.CannotDetect+": what a crash leaves at the provider may go unnoticed")
	}
	return rows
}

// lastGap is how long it took, in the newest rotation of a journal that
// finished, from the beginning of setSecret to the end of finishSecret: where
// one credential lives, nobody had one that works for no longer than that.
func lastGap(journal []wire.ShownEntry) (time.Duration, bool) {
	var end time.Time
	version := ""
	for _, e := range slices.Backward(journal) {
		if version == "" && e.Step == string(rota.FinishSecret) && e.Outcome == rota.OutcomeOK {
			version, end = e.VersionId, e.Started.Add(time.Duration(e.Milliseconds)*time.Millisecond)
		}
	}
	for _, e := range journal {
		if version != "" && e.VersionId == version && e.Step == string(rota.SetSecret) {
			return end.Sub(e.Started), true // the first one: also one that failed may have set it
		}
	}
	return 0, false
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
