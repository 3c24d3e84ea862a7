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

// report has a row for an idle second, and then one for each deed.
type report struct{ rows []row }

type row struct {
	name     string
	goal     deeds.Figures
	costs    meter.Counters // of one deed; of idleness, a second of it
	commands commands       // the same
}

// commands are how often Redis ran what.
type commands map[meter.Command]float64

// sum adds those up that clients sent, or that scripts called; those that looked for work in vain, or all.
func (c commands) sum(script, vain bool) (n float64) {
	for command, calls := range c {
		if command.Script == script && (command.Vain || !vain) {
			n += calls
		}
	}
	return n
}

func (r *report) addIdle(idle meter.Counters) {
	r.rows = append(r.rows, row{name: "idle, a second", goal: deeds.Idle, costs: meter.Counters{}.Plus(idle, 1/idle.Seconds)})
}

func (r *report) add(d deeds.Deed, one meter.Counters) {
	r.rows = append(r.rows, row{name: d.Name, goal: d.Goal, costs: one})
}

const heading = "| one deed with all that follows | commits | rows written | Redis commands, in vain | goal | statements | round trips, bare | WAL, page images | " +
	"with scripts' commands | CPU: server, PostgreSQL, Redis |\n|---|---|---|---|---|---|---|---|---|---|\n"

// print writes the table for people, as it stands in docs/PERFORMANCE.md, and after it what it is made of.
func (r *report) print(out io.Writer, verbose bool) {
	fmt.Fprint(out, "\n"+heading)
	for _, row := range r.rows {
		c := row.costs
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f, %.1f | %s | %.1f | %.1f, %.1f | %.1f kB, %.2f | %.1f | %.1f, %.1f, %.2f ms |\n", row.name,
			c.Transactions, c.Rows, row.commands.sum(false, false), row.commands.sum(false, true), told(row.goal), c.Statements, c.RoundTrips, c.Bare,
			c.WAL/1000, c.PageImages, c.Redis, 1000*c.CPU.Server, 1000*c.CPU.PostgreSQL, 1000*c.CPU.Redis)
	}
	for _, row := range r.rows {
		if verbose {
			row.explain(out)
		}
	}
}

func told(g deeds.Figures) string {
	if g == (deeds.Figures{}) {
		return ""
	}
	return fmt.Sprintf("%g / %g / %g", g.Commits, g.Rows, g.Redis)
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
	for _, c := range slices.SortedFunc(maps.Keys(r.commands), func(a, b meter.Command) int { return cmp.Compare(r.commands[b], r.commands[a]) }) {
		if r.commands[c] >= rare {
			fmt.Fprintf(out, "%8.2f  %s%s%s %s\n", r.commands[c], when(c.Vain, "in vain: "), when(c.Script, "script: "), c.Name, c.Key)
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
	b.WriteString(strings.ReplaceAll("deed commits rows redis_commands redis_commands_in_vain goal_commits goal_rows goal_redis_commands statements round_trips "+
		"bare_round_trips wal_bytes page_images redis_commands_with_scripts server_cpu_ms postgresql_cpu_ms redis_cpu_ms", " ", "\t") + "\n")
	for _, row := range r.rows {
		c, g := row.costs, row.goal
		fmt.Fprint(&b, row.name)
		for _, figure := range []float64{c.Transactions, c.Rows, row.commands.sum(false, false), row.commands.sum(false, true), g.Commits, g.Rows, g.Redis,
			c.Statements, c.RoundTrips, c.Bare, c.WAL, c.PageImages, c.Redis, 1000 * c.CPU.Server, 1000 * c.CPU.PostgreSQL, 1000 * c.CPU.Redis} {
			fmt.Fprintf(&b, "\t%.2f", figure)
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}
