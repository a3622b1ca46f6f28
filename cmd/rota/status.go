package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rotahq/rota/wire"
)

func (g *global) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show what every secret is doing",
		Long: `status shows every secret: what it is doing, when it was rotated last, when the
engine looks at it next, and until when an old credential still lives.
` + exitHelp,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := g.client()
			if err != nil {
				return err
			}
			var out wire.StatusOutput
			if err := c.own(cmd.Context(), "Status", wire.StatusInput{}, &out); err != nil {
				return err
			}
			if g.json {
				return g.print(out)
			}
			rows := [][]string{{"NAME", "STATE", "LAST", "NEXT", "OVERLAP OPEN UNTIL", "DETAIL"}}
			for _, s := range out.Secrets {
				rows = append(rows, []string{s.Name, s.State, when(s.LastRotated), when(s.Next), overlap(s), s.Detail})
			}
			if err := g.table(rows); err != nil {
				return err
			}
			if out.ClockHeld != "" {
				g.say("%s", out.ClockHeld)
			}
			return nil
		},
	}
}

// overlap says which old credentials are still alive, and until when.
func overlap(s wire.SecretStatus) string {
	var parts []string
	if s.OverlapOpenUntil != nil {
		parts = append(parts, when(s.OverlapOpenUntil))
	} else if s.OverlapOpen > s.OverlapHeld {
		parts = append(parts, "the next rotation")
	}
	if s.OverlapHeld > 0 {
		parts = append(parts, "held")
	}
	if len(parts) == 0 {
		parts = append(parts, "-")
	}
	text := strings.Join(parts, ", ")
	if s.OverlapOpen > 1 {
		text += " (" + strconv.Itoa(s.OverlapOpen) + ")"
	}
	if s.NotProven > 0 {
		text += ", " + strconv.Itoa(s.NotProven) + " not proven dead"
	}
	return text
}
