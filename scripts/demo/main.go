// Command demo is a client of Atrium: "seed" fills an empty stack with a small world, "walk" plays the product's main job
// and checks every answer, "tokens" signs in the people of the load test. They speak only the public API, as the app does, and drive the local stack's stand-ins.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"atrium/scripts/demo/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say what: seed, walk or tokens")
	}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	endpoints := flags.String("endpoints", ".local/endpoints.json", "where the running stack is")
	atrium := flags.String("atrium", "bin/atrium", "the product's binary, for making the shop's owner an admin (seed)")
	photo := flags.String("photo", "scripts/demo/room.jpg", "the photo to post (walk)")
	count := flags.Int("count", 500, "how many people to sign in (tokens)")
	from := flags.Int("from", 0, "the first of them (tokens)")
	out := flags.String("out", "", "the file for their tokens (tokens)")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	stack, err := client.ReadEndpoints(*endpoints)
	if err != nil {
		return err
	}
	switch args[0] {
	case "seed":
		return seed(ctx, stack, *atrium)
	case "walk":
		return walk(ctx, stack, *photo)
	case "tokens":
		return tokens(ctx, stack, *from, *count, *out)
	}
	return fmt.Errorf("%q is none of seed, walk, tokens", args[0])
}
