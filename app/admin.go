package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"atrium/modules/users"
	"atrium/platform/identity"
)

func (c *cli) admin() *cobra.Command {
	command := &cobra.Command{Use: "admin", Short: "Look after the people who run Atrium"}
	command.AddCommand(&cobra.Command{Use: "grant email=ADDRESS | user=ID", Short: "Make a person an admin", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return with(c, func(people users.Admin) error {
				id, err := findPerson(cmd.Context(), people, args[0])
				if err != nil {
					return err
				}
				if err := people.Grant(cmd.Context(), id, identity.RoleAdmin); err != nil {
					return err
				}
				fmt.Fprintf(c.out, "%s is an admin now; it counts from the next sign-in or token refresh\n", id)
				return nil
			})
		}})
	return command
}

// findPerson reads "user=<id>" or "email=<address>". An address must be verified and belong to one account only: an address
// alone proves nothing, and the role goes to exactly the person that is meant.
func findPerson(ctx context.Context, people users.Admin, who string) (uuid.UUID, error) {
	if text, ok := strings.CutPrefix(who, "user="); ok {
		id, err := uuid.Parse(text)
		if err != nil {
			return uuid.Nil, errors.New("the id is not a UUID")
		}
		return id, nil
	}
	address, ok := strings.CutPrefix(who, "email=")
	if !ok || address == "" {
		return uuid.Nil, errors.New("say who: email=ana@example.com or user=<id>")
	}
	accounts, err := people.FindByEmail(ctx, address)
	if err != nil {
		return uuid.Nil, err
	}
	switch {
	case len(accounts) == 0:
		return uuid.Nil, errors.New("nobody has signed in with this address")
	case len(accounts) > 1:
		ids := make([]string, len(accounts))
		for i, a := range accounts {
			ids[i] = a.ID.String()
		}
		return uuid.Nil, fmt.Errorf("several accounts have this address, choose one with user=<id>: %s", strings.Join(ids, ", "))
	case !accounts[0].EmailVerified:
		return uuid.Nil, fmt.Errorf("the address is not verified; if it is the right person, say user=%s", accounts[0].ID)
	}
	return accounts[0].ID, nil
}
