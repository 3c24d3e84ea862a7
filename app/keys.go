package app

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"atrium/modules/auth"
	"atrium/modules/users"
)

func (c *cli) keys() *cobra.Command {
	command := &cobra.Command{Use: "keys", Short: "Look after the keys that access tokens are signed with"}
	command.AddCommand(&cobra.Command{Use: "rotate", Short: "Make a new signing key before its time", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return with(c, func(operator auth.Operator) error {
			kid, err := operator.RotateKeys(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "the key %s signs as soon as every instance has loaded it, which takes 10 minutes; older ones verify for an hour more\n", kid)
			return nil
		})
	}})
	return command
}

func (c *cli) sessions() *cobra.Command {
	type parts struct {
		fx.In

		Operator auth.Operator
		People   users.Backoffice
	}
	command := &cobra.Command{Use: "sessions", Short: "Look after where people are signed in"}
	command.AddCommand(&cobra.Command{Use: "revoke email=ADDRESS | user=ID", Short: "Sign a person out everywhere", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return with(c, func(p parts) error {
			id, err := findPerson(cmd.Context(), p.People, args[0])
			if err != nil {
				return err
			}
			ended, err := p.Operator.RevokeEverything(cmd.Context(), id)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "%d sessions of %s are over; within 5 seconds none of their tokens opens anything\n", ended, id)
			return nil
		})
	}})
	return command
}
