package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"atrium/scripts/costs/deeds"
	"atrium/scripts/costs/meter"
)

// report has a row for each deed, and one for an idle second.
type report struct{ rows []row }

type row struct {
	name  string
	goal  deeds.Figures
	costs meter.Counters            // of one deed; of idleness, a second of it
	seen  map[meter.Command]float64 // the same
}

func (r *report) addIdle(m measured) {
	second := 1 / m.Seconds
	idle := row{name: "idle, a second", goal: deeds.Idle, costs: meter.Counters{}.Plus(m.Counters, second), seen: map[meter.Command]float64{}}
	for c, calls := range m.seen {
		idle.seen[c] = calls * second
	}
	r.rows = append(r.rows, idle)
}

func (r *report) add(d deeds.Deed, m measured, times int, idle measured) {
	made := row{name: d.Name, goal: d.Goal, costs: m.Per(times, idle.Counters), seen: map[meter.Command]float64{}}
	for c, calls := range m.seen {
		made.seen[c] = (calls - idle.seen[c]*m.Seconds/idle.Seconds) / float64(times)
	}
	r.rows = append(r.rows, made)
}

const heading = "| one deed with all that follows | commits | rows written | statements | round trips | WAL | page images | Redis commands | CPU: server, PostgreSQL, Redis | goal: commits, rows, Redis |\n" +
	"|---|---|---|---|---|---|---|---|---|---|\n"

// print writes the table for people, as it stands in docs/PERFORMANCE.md, and after it what a closer look has seen.
func (r *report) print(out io.Writer) {
	fmt.Fprint(out, "\n"+heading)
	for _, row := range r.rows {
		c := row.costs
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f | %.1f | %.1f kB | %.2f | %.1f | %.1f, %.1f, %.2f ms | %s |\n", row.name, c.Commits, c.Rows, c.Statements,
			c.RoundTrips, c.WAL/1000, c.PageImages, c.Redis, 1000*c.CPU.Server, 1000*c.CPU.PostgreSQL, 1000*c.CPU.Redis, told(row.goal))
	}
	for _, row := range r.rows {
		if len(row.seen) > 0 {
			row.explain(out)
		}
	}
}

func told(g deeds.Figures) string {
	if g == (deeds.Figures{}) {
		return ""
	}
	return fmt.Sprintf("%g, %g, %g", g.Commits, g.Rows, g.Redis)
}

// explain lists what the costs are made of, what comes most often first. What comes less than once in a hundred deeds is left out.
func (r row) explain(out io.Writer) {
	const rare = 0.01
	fmt.Fprintf(out, "\n%s: statements (how often, rows, WAL in bytes)\n", r.name)
	byCalls := func(a, b string) int { return cmp.Compare(r.costs.ByStatement[b].Calls, r.costs.ByStatement[a].Calls) }
	for _, text := range slices.SortedFunc(maps.Keys(r.costs.ByStatement), byCalls) {
		if s := r.costs.ByStatement[text]; s.Calls >= rare {
			fmt.Fprintf(out, "%8.2f %8.2f %8.0f  %s\n", s.Calls, s.Rows, s.WAL, text)
		}
	}
	fmt.Fprintf(out, "\n%s: commands of Redis (* for ids)\n", r.name)
	for _, c := range slices.SortedFunc(maps.Keys(r.seen), func(a, b meter.Command) int { return cmp.Compare(r.seen[b], r.seen[a]) }) {
		if r.seen[c] >= rare {
			fmt.Fprintf(out, "%8.2f  %s%s%s %s\n", r.seen[c], when(c.Vain, "in vain: "), when(c.Script, "script: "), c.Name, c.Key)
		}
	}
}

func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

// write keeps the figures as a table with tabs.
func (r *report) write(path string) error {
	var b bytes.Buffer
	b.WriteString(strings.ReplaceAll("deed commits rows statements round_trips wal_bytes page_images redis_commands server_cpu_ms postgresql_cpu_ms redis_cpu_ms "+
		"goal_commits goal_rows goal_redis_commands", " ", "\t") + "\n")
	for _, row := range r.rows {
		c, g := row.costs, row.goal
		fmt.Fprint(&b, row.name)
		for _, figure := range []float64{c.Commits, c.Rows, c.Statements, c.RoundTrips, c.WAL, c.PageImages, c.Redis,
			1000 * c.CPU.Server, 1000 * c.CPU.PostgreSQL, 1000 * c.CPU.Redis, g.Commits, g.Rows, g.Redis} {
			fmt.Fprintf(&b, "\t%.2f", figure)
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}
