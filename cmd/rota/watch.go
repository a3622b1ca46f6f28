package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

const watchEvery = 200 * time.Millisecond

// lastNumber is the number of the newest journal entry.
func lastNumber(s wire.ShowOutput) int64 {
	if len(s.Journal) == 0 {
		return 0
	}
	return s.Journal[len(s.Journal)-1].Number
}

// watch prints the journal as it grows, from the entry after on, until the
// rotation or test succeeded or was given up.
func (g *global) watch(ctx context.Context, c *client, of asked, test bool, after int64) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var s wire.ShowOutput
		if err := c.own(ctx, "Show", wire.ShowInput{SecretId: of.ARN, AfterJournal: after, MaxJournal: 1000}, &s); err != nil {
			return err
		}
		for _, e := range s.Journal {
			after = e.Number
			if err := g.printEntry(e); err != nil {
				return err
			}
		}
		switch s.State {
		case "rotating", "retrying", "resolving", "testing":
		default:
			return g.watched(s, of, test)
		}
		select {
		case <-ctx.Done():
			g.say("stopped watching; it goes on: rota show %s", of.Name)
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (g *global) printEntry(e wire.ShownEntry) error {
	if g.json {
		return g.printLine(e)
	}
	_, err := fmt.Fprintln(g.out, entryLine(e))
	return err
}

// watched says how it ended and what happens next.
func (g *global) watched(s wire.ShowOutput, of asked, test bool) error {
	done := versionOf(s, rota.Current) == of.VersionId
	if test {
		// A test that went well leaves nothing behind, not even a complaint.
		done = s.Detail == "" && !slices.ContainsFunc(s.Versions, func(v wire.ShownVersion) bool { return v.VersionId == of.VersionId })
	}
	if !done {
		return fmt.Errorf("it was given up for %s: %s; the journal says more: rota show %s", s.Name, orDash(s.Detail), s.Name)
	}
	if g.json {
		return nil
	}
	what := "rotated"
	if test {
		what = "tested"
	}
	next := "by hand"
	if s.Next != nil {
		next = when(s.Next)
	}
	text := fmt.Sprintf("%s %s; next rotation: %s", what, s.Name, next)
	if s.OverlapOpen > 0 {
		text += "; the old credential ends: " + overlap(s.SecretStatus)
	}
	g.say("%s", text)
	return nil
}

// versionOf is the version that carries a label, "" if none does.
func versionOf(s wire.ShowOutput, label string) string {
	for _, v := range s.Versions {
		if slices.Contains(v.Labels, label) {
			return v.VersionId
		}
	}
	return ""
}
