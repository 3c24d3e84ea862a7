package app

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"atrium/modules/auth"
	"atrium/modules/users"
)

func (c *cli) keys() *cobra.Command {
	command := &cobra.Command{Use: "keys", Short: "Look after the keys that access tokens are signed with, and after what the master key seals"}
	command.AddCommand(c.listKeys(), c.rotateKeys(), c.withdrawKeys(), c.reseal())
	return command
}

func (c *cli) listKeys() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the signing keys, the oldest first", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return with(c, func(operator auth.Operator) error {
			all, err := operator.Keys(cmd.Context())
			if err != nil {
				return err
			}
			for _, key := range all {
				fmt.Fprintf(c.out, "%s signs from %s\n", key.ID, key.ActiveAt.UTC().Format(time.RFC3339))
			}
			return nil
		})
	}}
}

func (c *cli) rotateKeys() *cobra.Command {
	return &cobra.Command{Use: "rotate", Short: "Make a new signing key before its time", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return with(c, func(operator auth.Operator) error {
			kid, err := operator.RotateKeys(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "the key %s signs as soon as every instance has loaded it, which takes 10 minutes; older ones verify for an hour more\n", kid)
			return nil
		})
	}}
}

func (c *cli) withdrawKeys() *cobra.Command {
	return &cobra.Command{Use: "withdraw KID...", Short: "Make signing keys worthless at once, because somebody else may have them",
		Args: cobra.MinimumNArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return with(c, func(operator auth.Operator) error {
				for _, kid := range args {
					if err := operator.WithdrawKey(cmd.Context(), kid); err != nil {
						return fmt.Errorf("%s: %w", kid, err)
					}
					fmt.Fprintf(c.out, "within 5 seconds no access token of the key %s opens anything; apps get a new one by refreshing\n", kid)
				}
				return nil
			})
		}}
}

func (c *cli) reseal() *cobra.Command {
	return &cobra.Command{Use: "reseal", Short: "Seal everything under keys.master, so that keys.accept can go", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return with(c, func(operator auth.Operator) error {
				done, err := operator.Reseal(cmd.Context())
				if err != nil {
					return err
				}
				fmt.Fprintf(c.out, "%d signing keys and %d tokens of providers are sealed anew; all stand under keys.master now\n", done.SigningKeys, done.ProviderTokens)
				return nil
			})
		}}
}

func (c *cli) sessions() *cobra.Command {
	type parts struct {
		fx.In

		Operator auth.Operator
		People   users.Admin
	}
	command := &cobra.Command{Use: "sessions", Short: "Look after where people are signed in"}
	command.AddCommand(&cobra.Command{Use: "revoke email=ADDRESS | user=ID", Short: "Sign a person out everywhere", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
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
