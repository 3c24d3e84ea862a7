package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"atrium/scripts/demo/client"
)

// tokens signs in people of the load test's world, from one on, and writes their access tokens to a file that only the owner can read.
func tokens(ctx context.Context, stack client.Endpoints, from, count int, out string) error {
	if err := stack.Ready(ctx); err != nil {
		return err
	}
	people := make([]struct {
		Token string `json:"token"`
	}, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range people {
		group.Go(func() error {
			n := fmt.Sprint(from + i)
			p, _, err := client.SignIn(ctx, stack, "world-"+n, "walker"+n+"@atrium.test", "Walker "+n, "load-"+n)
			if err == nil {
				people[i].Token = p.Token
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	raw, err := json.Marshal(people)
	if err != nil {
		return err
	}
	return os.WriteFile(out, raw, 0o600)
}
