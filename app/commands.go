package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"atrium/config"
	"atrium/migrations"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/outbox"
	"atrium/platform/sandbox"
)

// cli is what the commands share.
type cli struct {
	environ []string
	file    string
	out     io.Writer
	extras  []fx.Option
}

// Main runs one command and returns the process's exit code. What goes wrong is one sentence on errOut. extras are served
// beside the catalogue: the benchmarks' binary has some.
func Main(args, environ []string, out, errOut io.Writer, extras ...fx.Option) int {
	if err := sandbox.HideProcess(); err != nil { // first: its environment has secrets
		fmt.Fprintf(errOut, "atrium: %v\n", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	c := &cli{environ: environ, out: out, extras: extras}
	root := &cobra.Command{Use: "atrium", Short: "The backend of Atrium", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().StringVar(&c.file, "config", environment(environ, "ATRIUM_CONFIG"), "a YAML file of settings")
	root.AddCommand(c.serve(), c.migrate(), c.admin(), c.keys(), c.sessions(), c.modules(), c.config(), c.openAPI(), c.outbox())
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(errOut, "atrium: %v\n", err)
		return 1
	}
	return 0
}

func environment(environ []string, name string) string {
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func (c *cli) load() (*config.Config, error) { return config.Load(moduleNames(), c.file, c.environ) }

// with assembles the application, starts nothing, and runs fn with the part that it asks for.
func with[P any](c *cli, fn func(P) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	var part P
	if _, err := assemble(cfg, fx.Populate(&part)); err != nil {
		return err
	}
	return fn(part)
}

func (c *cli) serve() *cobra.Command {
	var roleName string
	command := &cobra.Command{Use: "serve", Short: "Serve until told to stop", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		r, err := parseRole(roleName)
		if err != nil {
			return err
		}
		cfg, err := c.load()
		if err != nil {
			return err
		}
		var end *ending
		app, err := assemble(cfg, fx.Options(c.extras...), serving(r), fx.Populate(&end))
		if err != nil {
			return err
		}
		return run(cmd.Context(), app, end)
	}}
	command.Flags().StringVar(&roleName, "role", "all", "api, worker, scheduler or all")
	return command
}

func (c *cli) migrate() *cobra.Command {
	return &cobra.Command{Use: "migrate", Short: "Bring the database's schema up to this build", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		if err := database.Migrate(cmd.Context(), cfg.Database, migrations.FS); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "the schema is at version %d\n", migrations.Latest())
		return nil
	}}
}

func (c *cli) modules() *cobra.Command {
	return &cobra.Command{Use: "modules", Short: "Print which modules there are and which are on", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		cfg, err := config.LoadOffline(moduleNames(), c.file, c.environ)
		if err != nil {
			return err
		}
		fmt.Fprint(c.out, moduleTable(cfg.Modules))
		return nil
	}}
}

func (c *cli) config() *cobra.Command {
	return &cobra.Command{Use: "config", Short: "Print the settings in force, secrets hidden", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		cfg, err := c.load()
		if err != nil {
			return err
		}
		return cfg.Print(c.out)
	}}
}

func (c *cli) openAPI() *cobra.Command {
	return &cobra.Command{Use: "openapi", Short: "Print the OpenAPI document of the modules that are on", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		cfg, err := config.LoadOffline(moduleNames(), c.file, c.environ)
		if err != nil {
			return err
		}
		_, err = assemble(cfg, fx.Invoke(func(server *httpserver.Server) error {
			document, err := server.Document()
			if err != nil {
				return err
			}
			_, err = c.out.Write(document)
			return err
		}))
		return err
	}}
}

func (c *cli) outbox() *cobra.Command {
	command := &cobra.Command{Use: "outbox", Short: "Look after events and tasks that are not finished"}
	var filter outbox.Filter
	list := &cobra.Command{Use: "list", Short: "List unfinished rows, newest first; of payloads only the ids", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return with(c, func(box *outbox.Outbox) error {
				entries, err := box.List(cmd.Context(), filter)
				if err != nil {
					return err
				}
				for _, e := range entries {
					line, err := json.Marshal(e)
					if err != nil {
						return err
					}
					fmt.Fprintln(c.out, string(line))
				}
				return nil
			})
		}}
	list.Flags().BoolVar(&filter.Dead, "dead", false, "only rows that a subscriber has given up")
	list.Flags().StringVar(&filter.Name, "name", "", "only this event or task")
	list.Flags().IntVar(&filter.Limit, "limit", 50, "at most so many")
	var kind string
	replay := &cobra.Command{Use: "replay ID | --all NAME",
		Short: "Hand on again what was given up: a row, or all of an event, a task or a subscriber", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(c, func(box *outbox.Outbox) error { return replayGivenUp(cmd.Context(), c.out, box, args, kind) })
		}}
	replay.Flags().StringVar(&kind, "all", "", "everything that was given up of this event, task or subscriber")
	command.AddCommand(list, replay)
	return command
}

// replayGivenUp hands on again one row, by its id, or all of a kind.
func replayGivenUp(ctx context.Context, out io.Writer, box *outbox.Outbox, ids []string, kind string) error {
	if (len(ids) == 0) == (kind == "") {
		return errors.New("say what: an id from `atrium outbox list`, or --all with a name such as notifications.send_mail")
	}
	if kind != "" {
		revived, err := box.ReplayAll(ctx, kind)
		fmt.Fprintf(out, "%d deliveries of %s are handed on again\n", revived, kind)
		return err
	}
	id, err := uuid.Parse(ids[0])
	if err != nil {
		return errors.New("the id is not a UUID: take one from `atrium outbox list`")
	}
	return box.Replay(ctx, id)
}
