package deeds

import (
	"context"
	"fmt"
	"net/http"

	"atrium/scripts/demo/client"
)

// Deed is something that people do, each time another one with something else.
type Deed struct {
	Name string
	Goal Figures
	do   func(ctx context.Context, n int) error // for the nth time, from 0
}

// Figures are what a deed with all that follows from it costs, or may cost. Of a goal, none: nothing is set.
type Figures struct{ Commits, Rows, Redis float64 }

// Idle is the goal of a second in which nobody does anything.
var Idle = Figures{Commits: 5, Rows: 1, Redis: 30}

// Deeds are all that is measured, in the order in which it can be done: what is bought is paid after that.
func (w *World) Deeds() []Deed {
	return []Deed{
		{"like", Figures{2, 6, 12}, w.like},
		{"first like", Figures{}, w.likeFirst},
		{"comment", Figures{4, 10, 20}, w.comment},
		{"first comment", Figures{}, w.commentFirst},
		{"follow", Figures{}, w.follow},
		{"save", Figures{}, w.save},
		{"checkout", Figures{14, 28, 25}, w.checkout},
		{"webhook", Figures{}, w.pay},
	}
}

// like has twenty people like the same post at the same time, and then the next: of twenty likes one is mailed.
func (w *World) like(ctx context.Context, n int) error { return w.likeOf(ctx, n, w.shared(n)) }

// likeFirst is the like of a post that nobody has liked: its author gets a mail.
func (w *World) likeFirst(ctx context.Context, n int) error {
	return w.likeOf(ctx, n, w.posts[w.times+n])
}

func (w *World) likeOf(ctx context.Context, n int, post string) error {
	return w.call(ctx, n, http.MethodPut, "/posts/"+post+"/like", nil, nil)
}

// comment is below a post that nineteen others comment on at the same time: one of them is mailed, the others wait for the next mail.
func (w *World) comment(ctx context.Context, n int) error { return w.commentOn(ctx, n, w.shared(n)) }

// commentFirst is the first comment below a post: its author gets a mail.
func (w *World) commentFirst(ctx context.Context, n int) error {
	return w.commentOn(ctx, n, w.posts[2*w.times+n])
}

func (w *World) commentOn(ctx context.Context, n int, post string) error {
	return w.call(ctx, n, http.MethodPost, "/posts/"+post+"/comments", map[string]string{"text": "How lovely!"}, nil)
}

func (w *World) save(ctx context.Context, n int) error {
	return w.call(ctx, n, http.MethodPut, "/posts/"+w.posts[3*w.times+n]+"/save", nil, nil)
}

// shared is a post that those who act at once do something with before they go on to the next.
func (w *World) shared(n int) string { return w.posts[n/atOnce] }

func (w *World) follow(ctx context.Context, n int) error {
	return w.call(ctx, n, http.MethodPut, "/users/"+w.strangers[n]+"/follow", nil, nil)
}

// lines are how many different things are bought at once.
const lines = 3

func (w *World) checkout(ctx context.Context, n int) error {
	var cart struct {
		Version string `json:"version"`
	}
	for line := range lines {
		variant := w.variants[(lines*n+line)%len(w.variants)]
		if err := w.call(ctx, n, http.MethodPut, "/cart/items/"+variant, map[string]int{"quantity": 1}, &cart); err != nil {
			return err
		}
	}
	var order struct {
		Payment struct {
			IntentID string `json:"intent_id"`
		} `json:"payment"`
	}
	err := w.call(ctx, n, http.MethodPost, "/checkout", map[string]string{"cart_version": cart.Version, "address_id": w.addresses[n%len(w.people)]},
		&order, "Idempotency-Key", fmt.Sprint("checkout-", n))
	w.intents[n] = order.Payment.IntentID
	return err
}

// pay has the provider take the money of the nth order, and tell so by its webhook.
func (w *World) pay(ctx context.Context, n int) error {
	if w.intents[n] == "" {
		return fmt.Errorf("order %d has no intent", n)
	}
	_, err := client.Call(ctx, http.MethodPost, w.stack.Stripe+"/test/payment_intents/"+w.intents[n]+"/succeed", "", nil, nil, nil)
	if err == nil {
		w.paid.Add(1)
	}
	return err
}

func (w *World) call(ctx context.Context, n int, method, path string, body, out any, header ...string) error {
	_, err := w.people[n%len(w.people)].Call(ctx, method, path, body, out, header...)
	return err
}
