//go:build servers

package e2e

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkAHungProvider measures 300 rotations that are due at once, with
// and without others, due at the same moment, whose provider does not answer
// until the 300 are done. Each round measures every case, and twice the one
// without any; ratios are those of one round to the mean of these two. Of
// several rounds (-benchtime 5x) the medians are reported. How far the ratio
// of the two without is from 1 is what the machine adds by itself. The CPU
// is the program's, and less moved by who else uses the machine.
func BenchmarkAHungProvider(b *testing.B) {
	c := newCrowd(b)
	cases := []struct {
		name         string
		hung, places int
		from         silence
	}{
		{"without", 0, 0, never},
		{"accepted", 1, 1, fromAccept},
		{"without-again", 0, 0, never},
		{"statement", 1, 1, fromStatement},
		{"twenty", hungSize, laneLimit, fromStatement},
	}
	const first, again = 0, 2
	figures := map[string][]float64{}
	for round := range b.N {
		took, used := make([]float64, len(cases)), make([]float64, len(cases))
		for i := range cases {
			k := (round + i) % len(cases) // none is always the first, or the last
			test := cases[k]
			c.silent.fallSilent(test.from)
			at := c.dueAtOnce(b, test.hung)
			before := cpu(b, c.s.cmd.Process.Pid)
			c.awaitHung(b, test.places)
			c.await(b, "all are rotated", rotatedSince(at), c.many.names)
			used[k] = float64(cpu(b, c.s.cmd.Process.Pid)-before) / float64(time.Millisecond)
			took[k] = float64(c.took(b, at)) / float64(time.Millisecond)
			c.silent.speak(false)
			c.await(b, "those that hung are rotated after all", rotatedSince(at), c.hung.names[:test.hung])
		}
		for k, test := range cases {
			add := func(unit string, figure float64) { figures[test.name+unit] = append(figures[test.name+unit], figure) }
			add("-ms", took[k])
			add("-cpu-ms", used[k])
			switch k {
			case first:
			case again:
				add("-ratio", took[k]/took[first])
				add("-cpu-ratio", used[k]/used[first])
			default:
				add("-ratio", 2*took[k]/(took[first]+took[again]))
				add("-cpu-ratio", 2*used[k]/(used[first]+used[again]))
			}
		}
	}
	for unit, of := range figures {
		slices.Sort(of)
		b.ReportMetric((of[(len(of)-1)/2]+of[len(of)/2])/2, unit)
	}
}
