// Command costs measures what deeds cost, each with all that follows from it, by the counters of PostgreSQL and Redis. Only `make costs`
// builds it and runs it, inside a local stack of its own in which the product serves the load test's world.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"atrium/platform/background"
	"atrium/scripts/costs/deeds"
	"atrium/scripts/costs/meter"
	"atrium/scripts/demo/client"
)

type settings struct {
	server         int // the product's process
	out            string
	people         int
	times, warmUps int // how often each deed is done while it is measured, and before
	idle           time.Duration
	verbose        bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var s settings
	flag.IntVar(&s.server, "server", 0, "the process of the product")
	flag.StringVar(&s.out, "out", ".local/costs.tsv", "the file for the figures")
	flag.IntVar(&s.people, "people", 200, "who act, 20 at a time")
	flag.IntVar(&s.times, "times", 600, "how often each deed is measured")
	flag.IntVar(&s.warmUps, "warm-ups", 200, "how often each deed is done before")
	flag.DurationVar(&s.idle, "idle", 20*time.Second, "how long nobody does anything")
	flag.BoolVar(&s.verbose, "verbose", false, "tell what each deed costs statement by statement and command by command")
	flag.Parse()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "costs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	l, err := open(ctx, s)
	if err != nil {
		return err
	}
	if err := l.warmUp(ctx); err != nil {
		return err
	}
	if err := l.measureAll(ctx); err != nil {
		return err
	}
	l.report.print(os.Stdout)
	return l.report.write(s.out)
}

// laboratory is where deeds are measured.
type laboratory struct {
	settings
	meter  *meter.Meter
	watch  *meter.Watch // nil: nobody looks closer
	world  *deeds.World
	report report
}

func open(ctx context.Context, s settings) (*laboratory, error) {
	stack, err := client.ReadEndpoints(os.Getenv("ATRIUM_ENDPOINTS"))
	if err != nil {
		return nil, err
	}
	if err := stack.Ready(ctx); err != nil {
		return nil, err
	}
	l := &laboratory{settings: s}
	if l.meter, err = meter.Open(ctx, os.Getenv("ATRIUM_DATABASE_URL"), os.Getenv("ATRIUM_REDIS_URL"), s.server); err != nil {
		return nil, err
	}
	if s.verbose {
		if l.watch, err = meter.NewWatch(ctx, os.Getenv("ATRIUM_REDIS_URL")); err != nil {
			return nil, err
		}
	}
	l.world, err = deeds.Open(ctx, stack, l.meter.Query, s.people, s.warmUps+s.times)
	return l, err
}

// warmUp does everything without measuring it: sessions prepare statements, caches and scripts arrive, pages are changed for the first
// time after a checkpoint.
func (l *laboratory) warmUp(ctx context.Context) error {
	for _, d := range l.world.Deeds() {
		fmt.Fprintf(os.Stderr, "%s: %d to warm up\n", d.Name, l.warmUps)
		if err := l.world.Do(ctx, d, 0, l.warmUps); err != nil {
			return err
		}
		if err := l.world.Settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *laboratory) measureAll(ctx context.Context) error {
	idle, err := l.measure(ctx, func() error {
		background.Pause(ctx, l.idle)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	l.report.addIdle(idle)
	for _, d := range l.world.Deeds() {
		fmt.Fprintf(os.Stderr, "%s: %d\n", d.Name, l.times)
		spent, err := l.measure(ctx, func() error { return l.deed(ctx, d) })
		if err != nil {
			return err
		}
		l.report.add(d, spent, l.times, idle)
	}
	return nil
}

func (l *laboratory) deed(ctx context.Context, d deeds.Deed) error {
	if err := l.world.Do(ctx, d, l.warmUps, l.warmUps+l.times); err != nil {
		return err
	}
	return l.world.Settle(ctx)
}

// measured is what was counted while something happened.
type measured struct {
	meter.Counters
	seen map[meter.Command]float64 // by whoever looks closer
}

func (l *laboratory) measure(ctx context.Context, do func() error) (m measured, err error) {
	before, err := l.look(ctx)
	if err != nil {
		return m, err
	}
	if err := do(); err != nil {
		return m, err
	}
	after, err := l.look(ctx)
	if err != nil {
		return m, err
	}
	m.Counters, m.seen = after.Less(before.Counters), after.seen
	for c, calls := range before.seen {
		m.seen[c] -= calls
	}
	return m, nil
}

func (l *laboratory) look(ctx context.Context) (m measured, err error) {
	if m.Counters, err = l.meter.Read(ctx); err != nil || l.watch == nil {
		return m, err
	}
	m.seen, err = l.watch.Counts(ctx)
	return m, err
}
