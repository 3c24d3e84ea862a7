// Package deeds lets people of the load test's world do what is measured, many at once.
package deeds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"atrium/scripts/demo/client"
)

const (
	atOnce  = 20              // people who act at a time
	patient = 2 * time.Minute // until all that follows has happened
)

// reachable gives everybody the settings of those who signed up, which the world's people lack: without them nobody is mailed.
const reachable = `INSERT INTO user_settings (user_id, language, measurement, currency)
	SELECT id, 'en', 'metric', 'EUR' FROM users ON CONFLICT DO NOTHING RETURNING user_id::text`

// Read asks the product's database for a column of texts.
type Read func(ctx context.Context, query string) ([]string, error)

// World is the load test's (scripts/load/world.sql), with people who have signed in and all that their deeds are about.
type World struct {
	stack     client.Endpoints
	read      Read
	times     int // how often each deed can be done
	people    []*client.Person
	addresses []string // of the people
	posts     []string // by others than the people: a part for each deed
	strangers []string // whom the people do not follow, in the order of the deeds
	variants  []string // on sale
	intents   []string // of the orders, as they are made
	paid      atomic.Int64
}

// Open signs people in, a multiple of twenty, and looks for what they can do things with, each deed so many times.
func Open(ctx context.Context, stack client.Endpoints, read Read, people, times int) (*World, error) {
	w := &World{stack: stack, read: read, times: times, people: make([]*client.Person, people), addresses: make([]string, people),
		intents: make([]string, times)}
	if _, err := read(ctx, reachable); err != nil {
		return nil, err
	}
	if err := together(ctx, 0, people, w.signIn); err != nil {
		return nil, err
	}
	return w, w.choose(ctx)
}

func (w *World) signIn(ctx context.Context, n int) (err error) {
	name := fmt.Sprint(n)
	w.people[n], _, err = client.SignIn(ctx, w.stack, "world-"+name, "walker"+name+"@atrium.test", "Walker "+name, "costs-"+name)
	if err != nil {
		return err
	}
	var address struct {
		ID string `json:"id"`
	}
	err = w.call(ctx, n, http.MethodPost, "/me/addresses", map[string]string{
		"name": "A Walker", "line1": "Example Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}, &address)
	w.addresses[n] = address.ID
	return err
}

// choose finds the subjects of all deeds: the same ones in the same world.
func (w *World) choose(ctx context.Context) error {
	acting := fmt.Sprintf("(SELECT id FROM users WHERE handle IN (SELECT 'walker' || n FROM generate_series(0, %d) n))", len(w.people)-1)
	for _, c := range []struct {
		into  *[]string
		least int
		query string
	}{
		{&w.posts, 4 * w.times, fmt.Sprintf(`SELECT id::text FROM posts WHERE author_id NOT IN %s ORDER BY md5(id::text) LIMIT %d`, acting, 4*w.times)},
		{&w.strangers, w.times, fmt.Sprintf(`SELECT s.id::text FROM generate_series(0, %d) n JOIN users p ON p.handle = 'walker' || n %% %d
			CROSS JOIN LATERAL (SELECT u.id FROM users u WHERE u.id NOT IN %s AND u.handle LIKE 'walker%%' AND NOT EXISTS
					(SELECT FROM user_follows f WHERE f.follower_id = p.id AND f.followee_id = u.id)
				ORDER BY md5(u.id::text || p.id::text) OFFSET n / %d LIMIT 1) s ORDER BY n`, w.times-1, len(w.people), acting, len(w.people))},
		{&w.variants, lines, `SELECT id::text FROM product_variants ORDER BY id`},
	} {
		found, err := w.read(ctx, c.query)
		if err != nil {
			return err
		}
		if len(found) < c.least {
			return fmt.Errorf("the world is too small: %d instead of %d for %s", len(found), c.least, c.query)
		}
		*c.into = found
	}
	return nil
}

// Do has a deed done for the times from one to another (not included), by twenty people at once.
func (w *World) Do(ctx context.Context, d Deed, from, to int) error {
	if err := together(ctx, from, to, d.do); err != nil {
		return fmt.Errorf("%s: %w", d.Name, err)
	}
	return nil
}

// Settle waits until all that follows has happened: what is paid is told, and nothing that is due is left in the outbox.
func (w *World) Settle(ctx context.Context) error {
	query := fmt.Sprintf(`SELECT ((SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now())
		+ %d - (SELECT count(*) FROM orders WHERE status = 'paid'))::text`, w.paid.Load())
	var left []string
	err := client.Eventually(ctx, patient, func() (done bool, err error) {
		left, err = w.read(ctx, query)
		return err == nil && left[0] == "0", err
	})
	if err != nil {
		return fmt.Errorf("%v rows and orders are left: %w", left, err)
	}
	return nil
}

// together calls do for each number from one to another (not included), twenty at once, so that nobody does two things at once. The
// first error ends it.
func together(ctx context.Context, from, to int, do func(ctx context.Context, n int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for first := from; first < min(from+atOnce, to); first++ {
		group.Go(func() error {
			for n := first; n < to; n += atOnce {
				if err := errors.Join(ctx.Err(), do(ctx, n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
