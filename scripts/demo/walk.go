package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // the variants are JPEG
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"atrium/scripts/demo/client"
)

// journey is the main job, told step by step: each step prints its status and time, and the first that is not as promised ends it.
type journey struct {
	stack client.Endpoints
	photo []byte
	run   string // makes people and devices of this run new

	author, buyer         *client.Person
	authorToken, buyToken string // of their devices
	upload                client.Upload
	picture               client.Photo
	product               struct{ ID, Name, Variant string }
	post                  string
	cartVersion           string
	address               string
	order                 struct{ ID, Number, Intent string }
}

// promise fails a step whose answer is not as promised.
func promise(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// walk plays the main job against a running stack.
func walk(ctx context.Context, stack client.Endpoints, photoFile string) error {
	raw, err := os.ReadFile(photoFile)
	if err != nil {
		return fmt.Errorf("the photo: %w", err)
	}
	j := &journey{stack: stack, photo: raw, run: strings.ToLower(rand.Text()[:8])}
	j.authorToken, j.buyToken = "push-author-"+j.run, "push-buyer-"+j.run
	began := time.Now()
	for _, step := range []struct {
		name string
		do   func(context.Context) (client.Answer, error)
	}{
		{"Ada signs in with Google", j.authorSignsIn},
		{"Ben signs in with Google", j.buyerSignsIn},
		{"both register their phones", j.registerDevices},
		{"Ben follows Ada", j.follow},
		{"Ada declares a photo", j.declarePhoto},
		{"Ada sends it straight to S3", j.putPhoto},
		{"Ada says that it is there", j.completePhoto},
		{"the photo is ready: upright, clean, in all sizes", j.photoReady},
		{"Ada looks for a product to pin", j.findProduct},
		{"Ada posts the room with the product pinned", j.publish},
		{"Ben sees it in his feed", j.feed},
		{"Ben likes it", j.like},
		{"Ben shops the room", j.shop},
		{"Ben puts the product in his cart", j.fillCart},
		{"Ben gives his address", j.giveAddress},
		{"Ben checks out", j.checkout},
		{"Ben pays at Stripe", j.pay},
		{"the signed webhook and the order job make it paid", j.paid},
		{"Ada finds it in her notifications", j.authorNotified},
		{"Ada's phone got the push", j.authorPushed},
		{"Ada got the mail", j.authorMailed},
		{"Ben finds his order in his notifications", j.buyerNotified},
		{"Ben's phone got the push", j.buyerPushed},
		{"Ben got the receipt by mail", j.buyerMailed},
	} {
		start := time.Now()
		a, err := step.do(ctx)
		took := time.Since(start).Round(time.Millisecond)
		if err != nil {
			fmt.Printf("FAIL %4s %8s  %s\n", status(a), took, step.name)
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("ok   %4s %8s  %s\n", status(a), took, step.name)
	}
	fmt.Printf("\nThe main job works: %s in all.\n", time.Since(began).Round(time.Millisecond))
	return nil
}

func status(a client.Answer) string {
	if a.Status == 0 {
		return "-"
	}
	return fmt.Sprint(a.Status)
}

func (j *journey) authorSignsIn(ctx context.Context) (a client.Answer, err error) {
	j.author, a, err = client.SignIn(ctx, j.stack, "walk-ada-"+j.run, "ada-"+j.run+"@atrium.test", "Ada Walker", "ada-"+j.run)
	return a, err
}

func (j *journey) buyerSignsIn(ctx context.Context) (a client.Answer, err error) {
	j.buyer, a, err = client.SignIn(ctx, j.stack, "walk-ben-"+j.run, "ben-"+j.run+"@atrium.test", "Ben Walker", "ben-"+j.run)
	return a, err
}

func (j *journey) registerDevices(ctx context.Context) (a client.Answer, err error) {
	for _, d := range []struct {
		p            *client.Person
		installation string
		token        string
	}{{j.author, "ada-" + j.run, j.authorToken}, {j.buyer, "ben-" + j.run, j.buyToken}} {
		a, err = d.p.Call(ctx, http.MethodPut, "/me/devices/"+d.installation, map[string]string{
			"platform": "ios", "token": d.token, "locale": "en-GB", "timezone": "Europe/Berlin"}, nil)
		if err != nil {
			return a, err
		}
	}
	return a, promise(a.Status == http.StatusNoContent, "status %d instead of 204", a.Status)
}

func (j *journey) follow(ctx context.Context) (client.Answer, error) {
	return j.buyer.Call(ctx, http.MethodPut, "/users/"+j.author.ID+"/follow", nil, nil)
}

func (j *journey) declarePhoto(ctx context.Context) (a client.Answer, err error) {
	j.upload, a, err = j.author.Declare(ctx, j.photo)
	if err != nil {
		return a, err
	}
	return a, promise(a.Status == http.StatusCreated && j.upload.Status == "pending", "status %d, upload %q", a.Status, j.upload.Status)
}

func (j *journey) putPhoto(ctx context.Context) (client.Answer, error) {
	return j.upload.Put(ctx, j.photo)
}

func (j *journey) completePhoto(ctx context.Context) (client.Answer, error) {
	a, err := j.author.Call(ctx, http.MethodPost, "/uploads/"+j.upload.ID+"/complete", nil, nil)
	if err != nil {
		return a, err
	}
	return a, promise(a.Status == http.StatusAccepted, "status %d instead of 202", a.Status)
}

// photoReady fetches the largest variant and looks at it: upright (the file is turned by its EXIF), without metadata.
func (j *journey) photoReady(ctx context.Context) (client.Answer, error) {
	u, a, err := j.author.Ready(ctx, j.upload.ID)
	if err != nil {
		return a, err
	}
	if err := promise(u.Photo != nil && len(u.Photo.Sizes) > 0 && len(u.Photo.Palette) > 0 && u.Photo.Blurhash != "", "the photo is incomplete"); err != nil {
		return a, err
	}
	j.picture = *u.Photo
	variant, err := client.Call(ctx, http.MethodGet, j.picture.URL("jpeg"), "", nil, nil, nil)
	if err != nil {
		return variant, err
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(variant.Body))
	if err != nil {
		return variant, fmt.Errorf("the variant cannot be read: %w", err)
	}
	if err := promise(size.Width > size.Height, "the variant is %dx%d: not upright", size.Width, size.Height); err != nil {
		return variant, err
	}
	if err := promise(!bytes.Contains(variant.Body, []byte("Exif\x00")), "the variant still carries metadata"); err != nil {
		return variant, err
	}
	return client.Call(ctx, http.MethodGet, j.picture.URL("webp"), "", nil, nil, nil)
}

func (j *journey) findProduct(ctx context.Context) (client.Answer, error) {
	var found struct {
		Items []struct {
			ID       string `json:"id"`
			Name     string `json:"name"`
			Variants []struct {
				ID        string `json:"id"`
				Available int    `json:"available"`
			} `json:"variants"`
		} `json:"items"`
	}
	a, err := j.author.Call(ctx, http.MethodGet, "/products?in_stock=true&q="+url.QueryEscape("lamp"), nil, &found)
	if err != nil {
		return a, err
	}
	if err := promise(len(found.Items) > 0 && len(found.Items[0].Variants) > 0, "no lamp in stock"); err != nil {
		return a, err
	}
	first := found.Items[0]
	j.product.ID, j.product.Name, j.product.Variant = first.ID, first.Name, first.Variants[0].ID
	return a, nil
}

func (j *journey) publish(ctx context.Context) (client.Answer, error) {
	var post struct {
		ID string `json:"id"`
	}
	a, err := j.author.Call(ctx, http.MethodPost, "/posts", map[string]any{
		"caption": "My reading corner #livingroom", "room": "living",
		"photos": []map[string]any{{"upload_id": j.upload.ID, "alt": "A sofa beside a window",
			"pins": []map[string]any{{"x": 0.7, "y": 0.4, "product_id": j.product.ID, "label": "the lamp"}}}},
	}, &post, "Idempotency-Key", "post-"+j.run)
	if err != nil {
		return a, err
	}
	j.post = post.ID
	return a, promise(a.Status == http.StatusCreated && a.Header.Get("Location") != "", "status %d, Location %q", a.Status, a.Header.Get("Location"))
}

func (j *journey) feed(ctx context.Context) (a client.Answer, err error) {
	err = client.Eventually(ctx, 5*time.Second, func() (bool, error) {
		var feed struct {
			Items []struct {
				ID     string `json:"id"`
				Photos []struct {
					Pins []struct {
						Product *struct {
							ID string `json:"id"`
						} `json:"product"`
					} `json:"pins"`
				} `json:"photos"`
			} `json:"items"`
		}
		if a, err = j.buyer.Call(ctx, http.MethodGet, "/feed", nil, &feed); err != nil {
			return false, err
		}
		if len(feed.Items) == 0 || feed.Items[0].ID != j.post {
			return false, nil
		}
		pins := feed.Items[0].Photos[0].Pins
		return true, promise(len(pins) == 1 && pins[0].Product != nil && pins[0].Product.ID == j.product.ID, "the pin is missing")
	})
	return a, err
}

func (j *journey) like(ctx context.Context) (client.Answer, error) {
	return j.buyer.Call(ctx, http.MethodPut, "/posts/"+j.post+"/like", nil, nil)
}

func (j *journey) shop(ctx context.Context) (client.Answer, error) {
	a, err := j.buyer.Call(ctx, http.MethodGet, "/posts/"+j.post+"/shop", nil, nil)
	if err != nil {
		return a, err
	}
	return a, promise(bytes.Contains(a.Body, []byte(j.product.ID)), "the pinned product is not offered")
}

func (j *journey) fillCart(ctx context.Context) (client.Answer, error) {
	var cart struct {
		Version string `json:"version"`
		Items   []struct {
			VariantID string `json:"variant_id"`
		} `json:"items"`
	}
	a, err := j.buyer.Call(ctx, http.MethodPut, "/cart/items/"+j.product.Variant, map[string]int{"quantity": 1}, &cart)
	if err != nil {
		return a, err
	}
	j.cartVersion = cart.Version
	return a, promise(len(cart.Items) == 1 && cart.Items[0].VariantID == j.product.Variant, "the cart holds something else")
}

func (j *journey) giveAddress(ctx context.Context) (client.Answer, error) {
	var address struct {
		ID string `json:"id"`
	}
	a, err := j.buyer.Call(ctx, http.MethodPost, "/me/addresses", map[string]any{
		"name": "Ben Walker", "line1": "Example Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}, &address)
	j.address = address.ID
	return a, err
}

func (j *journey) checkout(ctx context.Context) (client.Answer, error) {
	var order struct {
		ID      string `json:"id"`
		Number  string `json:"number"`
		Status  string `json:"status"`
		Payment struct {
			IntentID string `json:"intent_id"`
		} `json:"payment"`
	}
	a, err := j.buyer.Call(ctx, http.MethodPost, "/checkout", map[string]string{"cart_version": j.cartVersion, "address_id": j.address},
		&order, "Idempotency-Key", "checkout-"+j.run)
	if err != nil {
		return a, err
	}
	j.order.ID, j.order.Number, j.order.Intent = order.ID, order.Number, order.Payment.IntentID
	return a, promise(a.Status == http.StatusCreated && order.Status == "pending_payment" && j.order.Intent != "", "status %d, order %q", a.Status, order.Status)
}

func (j *journey) pay(ctx context.Context) (client.Answer, error) {
	return client.Call(ctx, http.MethodPost, j.stack.Stripe+"/test/payment_intents/"+j.order.Intent+"/succeed", "", nil, nil, nil)
}

func (j *journey) paid(ctx context.Context) (a client.Answer, err error) {
	err = client.Eventually(ctx, 15*time.Second, func() (bool, error) {
		var order struct {
			Status string `json:"status"`
		}
		a, err = j.buyer.Call(ctx, http.MethodGet, "/orders/"+j.order.ID, nil, &order)
		return order.Status == "paid", err
	})
	return a, err
}

func (j *journey) authorNotified(ctx context.Context) (client.Answer, error) {
	return j.notified(ctx, j.author, "user.followed", "post.liked")
}

func (j *journey) buyerNotified(ctx context.Context) (client.Answer, error) {
	return j.notified(ctx, j.buyer, "order.paid")
}

func (j *journey) notified(ctx context.Context, p *client.Person, types ...string) (a client.Answer, err error) {
	err = client.Eventually(ctx, 10*time.Second, func() (bool, error) {
		var list struct {
			Items []struct {
				Type string `json:"type"`
			} `json:"items"`
		}
		if a, err = p.Call(ctx, http.MethodGet, "/notifications", nil, &list); err != nil {
			return false, err
		}
		got := map[string]int{}
		for _, n := range list.Items {
			got[n.Type]++
		}
		for _, t := range types {
			if got[t] > 1 {
				return false, fmt.Errorf("%s came %d times", t, got[t])
			}
			if got[t] == 0 {
				return false, nil
			}
		}
		return true, nil
	})
	return a, err
}

func (j *journey) authorPushed(ctx context.Context) (client.Answer, error) {
	return j.pushed(ctx, j.authorToken, "post.liked")
}

func (j *journey) buyerPushed(ctx context.Context) (client.Answer, error) {
	return j.pushed(ctx, j.buyToken, "order.paid")
}

func (j *journey) pushed(ctx context.Context, token, kind string) (a client.Answer, err error) {
	err = client.Eventually(ctx, 10*time.Second, func() (bool, error) {
		var pushes []struct {
			Data map[string]string `json:"data"`
		}
		if a, err = client.Call(ctx, http.MethodGet, j.stack.FCM+"/messages?token="+url.QueryEscape(token), "", nil, nil, &pushes); err != nil {
			return false, err
		}
		for _, p := range pushes {
			if p.Data["type"] == kind {
				return true, promise(p.Data["notification_id"] != "" && p.Data["subject_id"] != "", "the push carries no ids")
			}
		}
		return false, nil
	})
	return a, err
}

func (j *journey) authorMailed(ctx context.Context) (client.Answer, error) {
	return j.mailed(ctx, j.author.Email, "Your room is liked", "Ben Walker")
}

func (j *journey) buyerMailed(ctx context.Context) (client.Answer, error) {
	return j.mailed(ctx, j.buyer.Email, j.order.Number, j.product.Name)
}

// mailed waits for a mail whose subject and text hold the two words, and prints it.
func (j *journey) mailed(ctx context.Context, to, subject, text string) (a client.Answer, err error) {
	var mails []struct {
		Subject string `json:"subject"`
		Text    string `json:"text"`
	}
	err = client.Eventually(ctx, 10*time.Second, func() (bool, error) {
		if a, err = client.Call(ctx, http.MethodGet, j.stack.Mail+"/messages?to="+url.QueryEscape(to), "", nil, nil, &mails); err != nil {
			return false, err
		}
		for _, m := range mails {
			if strings.Contains(m.Subject, subject) && strings.Contains(m.Text, text) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return a, errors.Join(err, fmt.Errorf("%d mails arrived, none about %q", len(mails), subject))
	}
	return a, nil
}
