// Command costs measures what deeds cost, each with all that follows from it, by the counters of PostgreSQL and Redis. Only `make costs`
// builds it and runs it, inside a local stack of its own in which the product serves the load test's world.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"atrium/platform/background"
	"atrium/scripts/costs/deeds"
	"atrium/scripts/costs/meter"
	"atrium/scripts/demo/client"
)

type settings struct {
	out                    string
	people                 int
	warmUps, times, closer int // how often each deed is done before it is measured, while it is, and while Redis is watched
	idle                   time.Duration
	verbose                bool
	server                 []string // the product's command
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var s settings
	flag.StringVar(&s.out, "out", ".local/costs.tsv", "the file for the figures")
	flag.IntVar(&s.people, "people", 200, "who act, 20 at a time")
	flag.IntVar(&s.times, "times", 600, "how often each deed is measured")
	flag.DurationVar(&s.idle, "idle", 20*time.Second, "how long nobody does anything")
	flag.BoolVar(&s.verbose, "verbose", false, "tell what each deed costs statement by statement and command by command")
	flag.Parse()
	s.warmUps, s.closer, s.server = s.times/3, s.times/3, flag.Args()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "costs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	l := &laboratory{settings: s}
	defer l.close()
	for _, step := range []func(context.Context) error{l.serve, l.open, l.warmUp, l.measureAll, l.watchAll} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	l.report.print(os.Stdout, s.verbose)
	return l.report.write(s.out)
}

// laboratory is where deeds are measured.
type laboratory struct {
	settings
	wire    *meter.Wire
	product *exec.Cmd
	meter   *meter.Meter
	world   *deeds.World
	last    meter.Counters // reading
	report  report
}

// serve starts the product, which speaks with PostgreSQL over a wire that counts.
func (l *laboratory) serve(ctx context.Context) (err error) {
	if l.wire, err = meter.NewWire(ctx, os.Getenv("ATRIUM_DATABASE_URL")); err != nil {
		return err
	}
	l.product = exec.Command(l.server[0], l.server[1:]...)
	l.product.Env = append(os.Environ(), "ATRIUM_DATABASE_URL="+l.wire.URL())
	l.product.Stdout, l.product.Stderr = os.Stderr, os.Stderr
	return l.product.Start()
}

func (l *laboratory) close() {
	if l.product != nil && l.product.Process != nil {
		_ = l.product.Process.Signal(syscall.SIGTERM) // it may have ended already
		_ = l.product.Wait()
	}
}

func (l *laboratory) open(ctx context.Context) error {
	stack, err := client.ReadEndpoints(os.Getenv("ATRIUM_ENDPOINTS"))
	if err != nil {
		return err
	}
	if err := stack.Ready(ctx); err != nil {
		return err
	}
	if l.meter, err = meter.Open(ctx, l.wire, os.Getenv("ATRIUM_REDIS_URL"), l.product.Process.Pid); err != nil {
		return err
	}
	l.world, err = deeds.Open(ctx, stack, l.meter.Query, l.people, l.warmUps+l.times+l.closer)
	return err
}

// warmUp does everything without measuring it: sessions prepare statements, caches and scripts arrive, pages are changed for the first
// time after a checkpoint.
func (l *laboratory) warmUp(ctx context.Context) error {
	for _, d := range l.world.Deeds() {
		fmt.Fprintf(os.Stderr, "%s: %d to warm up\n", d.Name, l.warmUps)
		if err := l.do(ctx, d, 0, l.warmUps); err != nil {
			return err
		}
	}
	return nil
}

// do has a deed done for the times from one to another (not included), with all that follows.
func (l *laboratory) do(ctx context.Context, d deeds.Deed, from, to int) error {
	if err := l.world.Do(ctx, d, from, to); err != nil {
		return err
	}
	return l.world.Settle(ctx)
}

// measureAll measures idleness and all deeds by the servers' own counters.
func (l *laboratory) measureAll(ctx context.Context) (err error) {
	if l.last, err = l.meter.Read(ctx); err != nil {
		return err
	}
	idle, err := l.measure(ctx, func() error { return l.rest(ctx) })
	if err != nil {
		return err
	}
	l.report.addIdle(idle)
	for _, d := range l.world.Deeds() {
		fmt.Fprintf(os.Stderr, "%s: %d\n", d.Name, l.times)
		spent, err := l.measure(ctx, func() error { return l.do(ctx, d, l.warmUps, l.warmUps+l.times) })
		if err != nil {
			return err
		}
		l.report.add(d, spent.Per(l.times, idle))
	}
	return nil
}

// rest lets nobody do anything for a while.
func (l *laboratory) rest(ctx context.Context) error {
	background.Pause(ctx, l.idle)
	return ctx.Err()
}

// measure returns what was counted since the last reading.
func (l *laboratory) measure(ctx context.Context, do func() error) (spent meter.Counters, err error) {
	before := l.last
	if err := do(); err != nil {
		return spent, err
	}
	l.last, err = l.meter.Read(ctx)
	return l.last.Less(before), err
}

// watchAll has a part of all deeds done once more, to tell the commands of Redis apart: to watch each takes Redis' time.
func (l *laboratory) watchAll(ctx context.Context) error {
	idle, err := l.watch(ctx, func() error { return l.rest(ctx) })
	if err != nil {
		return err
	}
	l.report.rows[0].commands = idle.per(idle.seconds, watched{})
	first := l.warmUps + l.times
	for n, d := range l.world.Deeds() {
		fmt.Fprintf(os.Stderr, "%s: %d, watched\n", d.Name, l.closer)
		seen, err := l.watch(ctx, func() error { return l.do(ctx, d, first, first+l.closer) })
		if err != nil {
			return err
		}
		l.report.rows[n+1].commands = seen.per(float64(l.closer), idle)
	}
	return nil
}

// watched are the commands that Redis ran while something happened.
type watched struct {
	seconds  float64
	commands commands
}

func (l *laboratory) watch(ctx context.Context, do func() error) (seen watched, err error) {
	began := time.Now()
	w, err := meter.NewWatch(ctx, os.Getenv("ATRIUM_REDIS_URL"))
	if err != nil {
		return seen, err
	}
	defer w.Close()
	if err := do(); err != nil {
		return seen, err
	}
	seen.commands, err = w.Counts(ctx)
	seen.seconds = time.Since(began).Seconds()
	return seen, err
}

// per shares the commands, without those that would have come anyway.
func (w watched) per(n float64, idle watched) commands {
	shares := commands{}
	for c, calls := range w.commands {
		if idle.seconds > 0 {
			calls -= idle.commands[c] * w.seconds / idle.seconds
		}
		shares[c] = calls / n
	}
	return shares
}
