package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/redistest"
	"atrium/scripts/demo/client"
)

// crowd is who takes part in the crash test.
type crowd struct {
	author *client.Person
	fans   []*client.Person
	post   string
}

const fans = 12

// The worker is killed with SIGKILL while its handlers wait right before their receipts, twice, and Redis loses everything in between.
// In the end each like has made one notification, each order was paid and fulfilled once, and each push and mail went out under one id.
func TestCrash_NothingIsLostNothingHappensTwice(t *testing.T) {
	t.Parallel()
	i := install(t, "ATRIUM_OUTBOX_REQUEUE_AFTER=2s", "ATRIUM_OUTBOX_SWEEP_INTERVAL=200ms")
	rdb := redistest.Dial(t, i.redisURL)
	i.serve("api")
	worker := i.serve("worker")
	c := i.gather()
	variant := i.stockShelf(1000)

	// Nobody can write a receipt from here on: what is enqueued stays between enqueue and receipt.
	release := i.lockReceipts()
	var orders []string
	for n, fan := range c.fans {
		_, err := fan.Call(t.Context(), http.MethodPut, "/posts/"+c.post+"/like", nil, nil)
		require.NoError(t, err)
		if n%3 == 0 {
			orders = append(orders, i.buy(fan, variant))
		}
	}
	i.waitForBlockedHandlers()
	worker.stop(syscall.SIGKILL)
	release()

	worker = i.serve("worker")
	require.NoError(t, rdb.FlushDB(t.Context()).Err())
	i.eventually(30*time.Second, "work goes on after the loss of Redis", func() bool {
		return i.count("SELECT count(*) FROM notifications WHERE type = 'post.liked'") > 0
	})
	worker.stop(syscall.SIGKILL)
	require.NoError(t, rdb.FlushDB(t.Context()).Err())
	i.serve("worker")

	i.eventually(60*time.Second, "everything is done", func() bool {
		return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
	})
	require.Equal(t, fans, i.count("SELECT count(*) FROM notifications WHERE type = 'post.liked'"))
	require.Equal(t, len(orders), i.count("SELECT count(*) FROM notifications WHERE type = 'order.paid'"))
	require.Equal(t, len(orders), i.count("SELECT count(*) FROM orders WHERE status = 'paid'"))
	require.Equal(t, 1000-len(orders), i.count("SELECT on_hand FROM product_variants WHERE id = ?", variant))
	require.Equal(t, 0, i.count("SELECT reserved FROM product_variants WHERE id = ?", variant))
	require.Equal(t, 1000-len(orders), i.count("SELECT sum(on_hand_delta) FROM stock_movements WHERE variant_id = ?", variant))

	require.Equal(t, fans, i.distinctPushes("push-"+c.author.ID, "post.liked"))
	for n, fan := range c.fans {
		want := 0
		if n%3 == 0 {
			want = 1
		}
		require.Equal(t, want, i.distinctPushes("push-"+fan.ID, "order.paid"))
		require.Equal(t, want, i.distinctMails(fan.Email), "mails to one who bought")
	}
}

// gather signs everybody in, gives them devices and the author a post.
func (i *installation) gather() *crowd {
	i.t.Helper()
	run := fmt.Sprint(time.Now().UnixNano())
	join := func(name string) *client.Person {
		p, _, err := client.SignIn(i.t.Context(), i.stack, "crash-"+name+run, name+run+"@atrium.test", "Person "+name, name+run)
		require.NoError(i.t, err)
		_, err = p.Call(i.t.Context(), http.MethodPut, "/me/devices/"+name, map[string]string{
			"platform": "ios", "token": "push-" + p.ID, "locale": "en", "timezone": "UTC"}, nil)
		require.NoError(i.t, err)
		return p
	}
	c := &crowd{author: join("author")}
	for n := range fans {
		c.fans = append(c.fans, join(fmt.Sprint("fan", n)))
	}
	photo, err := c.author.AddPhoto(i.t.Context(), smallJPEG(i.t))
	require.NoError(i.t, err)
	var post struct {
		ID string `json:"id"`
	}
	_, err = c.author.Call(i.t.Context(), http.MethodPost, "/posts", map[string]any{"caption": "Room", "photos": []any{map[string]any{"upload_id": photo}}}, &post)
	require.NoError(i.t, err)
	c.post = post.ID
	return c
}

// shopkeeper signs in who keeps the shop: an admin once stockShelf has said so.
func (i *installation) shopkeeper() *client.Person {
	i.t.Helper()
	p, _, err := client.SignIn(i.t.Context(), i.stack, "crash-shop", "shop@atrium.test", "Shop", "shop")
	require.NoError(i.t, err)
	return p
}

// stockShelf puts one variant on sale through the back office.
func (i *installation) stockShelf(units int) string {
	i.t.Helper()
	i.run("atrium", "admin", "grant", "user="+i.shopkeeper().ID)
	shop := i.shopkeeper()
	var product, variant struct {
		ID string `json:"id"`
	}
	_, err := shop.Call(i.t.Context(), http.MethodPost, "/admin/products", map[string]any{
		"name": "Lamp", "brand": "Lumen", "description": "Bright.", "category": "lighting"}, &product)
	require.NoError(i.t, err)
	_, err = shop.Call(i.t.Context(), http.MethodPost, "/admin/products/"+product.ID+"/variants", map[string]any{
		"sku": "LAMP", "name": "Standard", "options": map[string]string{}, "price": map[string]any{"amount": 4900, "currency": "EUR"}}, &variant)
	require.NoError(i.t, err)
	_, err = shop.Call(i.t.Context(), http.MethodPost, "/admin/variants/"+variant.ID+"/stock", map[string]any{"delta": units, "reason": "test"}, nil)
	require.NoError(i.t, err)
	return variant.ID
}

// buy takes one unit to the till and pays; the webhook comes when it comes.
func (i *installation) buy(p *client.Person, variant string) (order string) {
	i.t.Helper()
	return i.buyAs(p, variant, "")
}

// buyAs is buy under an Idempotency-Key of its own.
func (i *installation) buyAs(p *client.Person, variant, key string) (order string) {
	i.t.Helper()
	var cart struct {
		Version string `json:"version"`
	}
	var address, placed struct {
		ID      string `json:"id"`
		Payment struct {
			IntentID string `json:"intent_id"`
		} `json:"payment"`
	}
	_, err := p.Call(i.t.Context(), http.MethodPut, "/cart/items/"+variant, map[string]int{"quantity": 1}, &cart)
	require.NoError(i.t, err)
	_, err = p.Call(i.t.Context(), http.MethodPost, "/me/addresses", map[string]string{
		"name": "Fan", "line1": "Example Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}, &address)
	require.NoError(i.t, err)
	_, err = p.Call(i.t.Context(), http.MethodPost, "/checkout", map[string]string{"cart_version": cart.Version, "address_id": address.ID}, &placed,
		"Idempotency-Key", strings.ReplaceAll("buy-"+p.ID+key, " ", "-"))
	require.NoError(i.t, err)
	_, err = client.Call(i.t.Context(), http.MethodPost, i.stack.Stripe+"/test/payment_intents/"+placed.Payment.IntentID+"/succeed", "", nil, nil, nil)
	require.NoError(i.t, err)
	return placed.ID
}

// lockReceipts stops every handler right before its receipt, until release is called.
func (i *installation) lockReceipts() (release func()) {
	i.t.Helper()
	locked, let, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = i.db.InTx(context.Background(), func(ctx context.Context) error {
			err := i.db.Conn(ctx).Exec("LOCK TABLE event_receipts IN ACCESS EXCLUSIVE MODE").Error
			locked <- err
			if err == nil {
				<-let
			}
			return err
		})
	}()
	require.NoError(i.t, <-locked)
	return func() {
		close(let)
		<-done
	}
}

func (i *installation) waitForBlockedHandlers() {
	i.t.Helper()
	i.eventually(20*time.Second, "handlers wait for their receipts", func() bool {
		return i.count(`SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
			WHERE d.datname = current_database() AND l.relation = 'event_receipts'::regclass AND NOT l.granted`) >= 3
	})
}

// distinctPushes counts the notifications of a type that reached a device; one that came twice under one id counts once.
func (i *installation) distinctPushes(token, kind string) int {
	i.t.Helper()
	return len(i.pushes(token, kind))
}

// pushes counts how often each notification of a type reached a device, by its id.
func (i *installation) pushes(token, kind string) map[string]int {
	i.t.Helper()
	var pushes []struct {
		Data map[string]string `json:"data"`
	}
	_, err := client.Call(i.t.Context(), http.MethodGet, i.stack.FCM+"/messages?token="+url.QueryEscape(token), "", nil, nil, &pushes)
	require.NoError(i.t, err)
	ids := map[string]int{}
	for _, p := range pushes {
		if p.Data["type"] == kind {
			ids[p.Data["notification_id"]]++
		}
	}
	return ids
}

func (i *installation) distinctMails(to string) int {
	i.t.Helper()
	var mails []struct {
		MessageID string `json:"message_id"`
	}
	_, err := client.Call(i.t.Context(), http.MethodGet, i.stack.Mail+"/messages?to="+url.QueryEscape(to), "", nil, nil, &mails)
	require.NoError(i.t, err)
	ids := map[string]bool{}
	for _, m := range mails {
		ids[m.MessageID] = true
	}
	return len(ids)
}
