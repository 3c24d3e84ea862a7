package app

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"atrium/platform/redistest"
	"atrium/scripts/costs/deeds"
	"atrium/scripts/costs/meter"
)

// costly is what a deed may cost, with all that follows from it. Of the commands of Redis those count that clients send, without those by
// which workers look for work in vain: how often they look is a matter of time. `make costs` has them as well.
//
// Measured on 30 November 2026: like 2.2, 6.7, 6.0 (one of twenty is mailed); first like 6.8, 13, 11.4; comment 2.7, 7.1, 4.0; first comment 7.8, 13, 11.1;
// follow 7.2, 14, 9.3; save 3.2, 4, 8.5; checkout 8.5, 25, 0.6; webhook 13.9, 32, 12.3. Commits and commands differ by how many rows of the outbox a relay takes at once,
// and a busy machine has more copies expire on the way.
var costly = map[string]deeds.Figures{ //                     goal: commits, rows, commands
	"like":          {Commits: 3.5, Rows: 7.2, Redis: 10}, //   2, 6, 12
	"first like":    {Commits: 9.5, Rows: 13.5, Redis: 18},
	"comment":       {Commits: 4, Rows: 7.7, Redis: 7}, //      4, 10, 20
	"first comment": {Commits: 10, Rows: 13.5, Redis: 17},
	"follow":        {Commits: 10, Rows: 14.5, Redis: 15},
	"save":          {Commits: 4.5, Rows: 4.5, Redis: 13},
	"checkout":      {Commits: 10.5, Rows: 25.5, Redis: 4}, //  14, 28, 25
	"webhook":       {Commits: 18, Rows: 32.5, Redis: 19},
}

// What a deed costs does not grow unseen: counted on the wire (commits), by triggers (rows) and by MONITOR (commands of Redis), while the
// product's own processes do everything that follows. A figure that has come down brings its bound down.
func TestCosts_OfADeed(t *testing.T) {
	t.Parallel()
	const warmUps, times = 40, 60
	c := weigh(t)
	world, err := deeds.Open(t.Context(), c.stack, c.texts, 20, warmUps+times)
	require.NoError(t, err)
	for _, d := range world.Deeds() {
		require.NoError(t, world.Do(t.Context(), d, 0, warmUps))
		require.NoError(t, world.Settle(t.Context()))
		before := c.weight()
		require.NoError(t, world.Do(t.Context(), d, warmUps, warmUps+times))
		require.NoError(t, world.Settle(t.Context()))
		c.judge(d, c.weight().since(before), times)
	}
}

// scales are an installation whose work is counted.
type scales struct {
	*installation
	wire  *meter.Wire
	watch *meter.Watch
}

// weigh serves the load test's world. Nothing that comes by the clock alone is to be counted: no scheduler runs, and relays look rarely.
func weigh(t *testing.T) *scales {
	t.Helper()
	c := &scales{installation: install(t, "ATRIUM_OUTBOX_SWEEP_INTERVAL=5s")}
	var err error
	c.wire, err = meter.NewWire(t.Context(), c.dbURL)
	require.NoError(t, err)
	cache := redistest.Server(t)
	c.environ = append(c.environ, "ATRIUM_DATABASE_URL="+c.wire.URL(), "ATRIUM_REDIS_URL="+cache)
	fill := exec.CommandContext(t.Context(), "bash", "-c",
		`. scripts/load/world.sh; "$psql" -q "$DATABASE" -v users=600 -v posts=2000 -v products=50 -v followed=50 -f scripts/load/world.sql`)
	fill.Dir, fill.Env = "..", append(c.environ, "DATABASE="+c.dbURL)
	out, err := fill.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, c.db.Conn(t.Context()).Exec(countRows).Error)
	c.serve("api")
	c.serve("worker")
	c.watch, err = meter.NewWatch(t.Context(), cache)
	require.NoError(t, err)
	t.Cleanup(c.watch.Close)
	return c
}

// countRows has each table count its rows that are written, in a sequence of its name: at once, unlike PostgreSQL's statistics.
const countRows = `
CREATE SCHEMA counted;
CREATE FUNCTION counted.count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM nextval(format('counted.%I', TG_TABLE_NAME)); RETURN NULL; END $$;
DO $$
DECLARE name text;
BEGIN
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'processes' LOOP
		EXECUTE format('CREATE SEQUENCE counted.%I', name);
		EXECUTE format('CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION counted.count()', name);
	END LOOP;
END $$`

func (c *scales) texts(ctx context.Context, query string) (found []string, err error) {
	err = c.db.Conn(ctx).Raw(query).Scan(&found).Error
	return found, err
}

// weight is what was done so far: transactions, rows by table, commands of Redis by kind.
type weight struct {
	commits  float64
	rows     map[string]int
	commands map[meter.Command]float64
}

func (c *scales) weight() (w weight) {
	c.t.Helper()
	w.rows = map[string]int{}
	var tables []struct {
		Name string
		Rows int
	}
	require.NoError(c.t, c.db.Conn(c.t.Context()).Raw(
		`SELECT sequencename AS name, coalesce(last_value, 0) AS rows FROM pg_sequences WHERE schemaname = 'counted'`).Scan(&tables).Error)
	for _, table := range tables {
		w.rows[table.Name] = table.Rows
	}
	var err error
	w.commands, err = c.watch.Counts(c.t.Context())
	require.NoError(c.t, err)
	w.commits = c.wire.Traffic().Transactions
	return w
}

func (w weight) since(before weight) weight {
	w.commits -= before.commits
	for table, rows := range before.rows {
		w.rows[table] -= rows
	}
	for c, calls := range before.commands {
		w.commands[c] -= calls
	}
	return w
}

// judge compares what a deed cost with what it may cost.
func (c *scales) judge(d deeds.Deed, w weight, times int) {
	c.t.Helper()
	share := func(n float64) float64 { return n / float64(times) }
	rows, commands := map[string]float64{}, map[meter.Command]float64{}
	cost := deeds.Figures{Commits: share(w.commits)}
	for table, n := range w.rows {
		if n > 0 {
			rows[table] = share(float64(n))
			cost.Rows += rows[table]
		}
	}
	for command, n := range w.commands {
		if n > 0 && !command.Script && !command.Vain && !byTheClock(command) {
			commands[command] = share(n)
			cost.Redis += commands[command]
		}
	}
	most := costly[d.Name]
	c.t.Logf("%s: %.2f commits, %.2f rows, %.2f commands of Redis; goal %v", d.Name, cost.Commits, cost.Rows, cost.Redis, d.Goal)
	assert.LessOrEqual(c.t, cost.Commits, most.Commits, "%s: commits", d.Name)
	assert.LessOrEqual(c.t, cost.Rows, most.Rows, "%s: rows\n%v", d.Name, rows)
	assert.LessOrEqual(c.t, cost.Redis, most.Redis, "%s: commands of Redis\n%v", d.Name, commands)
}

// byTheClock reports whether a worker only says that it is there, or asks whether there is work.
func byTheClock(c meter.Command) bool {
	return strings.HasPrefix(c.Key, "asynq:servers") || strings.HasPrefix(c.Key, "asynq:workers") ||
		c.Name == "exists" && strings.HasPrefix(c.Key, "asynq:")
}
