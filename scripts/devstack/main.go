// Command devstack starts, on this machine and on private ports, everything
// that Atrium has around it in production: PostgreSQL, Redis, S3, the CDN, SQS,
// the sign-in providers, Stripe, FCM and a mail server. It runs one command with
// the product's environment pointing at them, and stops everything when that
// command ends. Production code never links against any of it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const usage = `usage: devstack run --data DIR [--endpoints FILE] [--api-addr 127.0.0.1:8080]
                    [--private-addr 127.0.0.1:9090] [--ephemeral [--durable]] [--statements] -- CMD ARGS...
       devstack exec --data DIR -- CMD ARGS...      (inside the stack that runs there)
`

// options are the command line, checked and with absolute paths.
type options struct {
	data        string
	endpoints   string
	apiAddr     string
	privateAddr string
	ephemeral   bool
	durable     bool // though ephemeral, PostgreSQL syncs as in production: for whoever measures it
	statements  bool // PostgreSQL counts every statement by pg_stat_statements
	join        bool // run the command inside a stack that is running already
	command     []string
	workDir     string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "guard" {
		os.Exit(guardMain(os.Stdin))
	}
	opts, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(os.Stdout, usage)
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "devstack: %v\n%s", err, usage)
		os.Exit(2)
	}
	if opts.join {
		fmt.Fprintf(os.Stderr, "devstack: %v\n", join(opts)) // it returns only when it failed
		os.Exit(1)
	}
	os.Exit(run(opts))
}

func parseOptions(args []string) (options, error) {
	var opts options
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		return opts, flag.ErrHelp
	}
	if args[0] != "run" && args[0] != "exec" {
		return opts, fmt.Errorf("unknown command %q", args[0])
	}
	opts.join = args[0] == "exec"
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opts.data, "data", "", "folder for all data")
	flags.StringVar(&opts.endpoints, "endpoints", "", "file to write the endpoints to")
	flags.StringVar(&opts.apiAddr, "api-addr", "127.0.0.1:0", "address of the product's API")
	flags.StringVar(&opts.privateAddr, "private-addr", "127.0.0.1:0", "address of the product's private port")
	flags.BoolVar(&opts.ephemeral, "ephemeral", false, "start empty and wipe at the end")
	flags.BoolVar(&opts.durable, "durable", false, "with --ephemeral: PostgreSQL syncs to disk all the same")
	flags.BoolVar(&opts.statements, "statements", false, "PostgreSQL preloads pg_stat_statements")
	if err := flags.Parse(args[1:]); err != nil {
		return opts, err
	}
	opts.command = flags.Args()
	if opts.data == "" {
		return opts, errors.New("--data is missing")
	}
	if len(opts.command) == 0 {
		return opts, errors.New("the command to run is missing")
	}
	return opts.absolute()
}

// absolute resolves every path at once, because the S3 server changes the
// working directory of the process later.
func (o options) absolute() (options, error) {
	var err error
	if o.workDir, err = os.Getwd(); err != nil {
		return o, fmt.Errorf("the current folder is not readable: %w", err)
	}
	if o.data, err = filepath.Abs(o.data); err != nil {
		return o, err
	}
	if o.endpoints == "" {
		o.endpoints = filepath.Join(o.data, "endpoints.json")
	}
	o.endpoints, err = filepath.Abs(o.endpoints)
	return o, err
}
