package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	deliveryFirstWait = 200 * time.Millisecond
	deliveryLastWait  = 5 * time.Second
	deliveryPatience  = 10 * time.Minute
	deliveriesLimit   = 10_000
)

// stripeEvent keeps its payload as it was at its time.
type stripeEvent struct {
	id, kind, intent string
	account          *stripeAccount
	at               time.Time
	payload          []byte
}

// eventRequest tells which call caused an event.
type eventRequest struct {
	ID  string
	Key string
}

// emit records an event and delivers it beside the call. The caller holds the lock.
func (s *stripeServer) emit(account *stripeAccount, kind, intentID string, object any, cause eventRequest) {
	now := time.Now()
	event := &stripeEvent{id: "evt_" + randomHex(12), kind: kind, intent: intentID, account: account, at: now}
	event.payload, _ = json.Marshal(map[string]any{
		"id": event.id, "object": "event", "api_version": stripeVersion, "created": now.Unix(),
		"livemode": false, "pending_webhooks": 1, "type": kind, "data": map[string]any{"object": object},
		"request": map[string]any{"id": nullable(cause.ID), "idempotency_key": nullable(cause.Key)},
	}) // plain values cannot fail
	s.events.put(event.id, event)
	s.deliver(event)
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// deliver sends in the background until the webhook answers 2xx. The caller
// holds the lock.
func (s *stripeServer) deliver(event *stripeEvent) {
	if s.pending >= deliveriesLimit || event.account.webhookURL == "" {
		return
	}
	s.pending++
	go func() {
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.pending--
		}()
		s.deliverUntilTaken(event)
	}()
}

func (s *stripeServer) deliverUntilTaken(event *stripeEvent) {
	wait := deliveryFirstWait
	for deadline := time.Now().Add(deliveryPatience); time.Now().Before(deadline); {
		s.mu.Lock()
		paused, target := s.paused, *event.account
		s.mu.Unlock()
		if paused != nil {
			select {
			case <-paused:
				deadline = time.Now().Add(deliveryPatience)
				continue
			case <-s.ctx.Done():
				return
			}
		}
		if s.attempt(event, target) {
			return
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, deliveryLastWait)
		case <-s.ctx.Done():
			return
		}
	}
}

// webhookClient follows no redirects: to Stripe a redirect is a failure.
var webhookClient = &http.Client{
	Timeout:       20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// attempt is one delivery, signed for its moment.
func (s *stripeServer) attempt(event *stripeEvent, target stripeAccount) bool {
	request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, target.webhookURL, bytes.NewReader(event.payload))
	if err != nil {
		return true // never deliverable
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	request.Header.Set("Stripe-Signature", signWebhook(event.payload, target.webhookSecret, time.Now()))
	response, err := webhookClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode/100 == 2
}

func signWebhook(payload []byte, secret string, now time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", now.Unix(), payload)
	return fmt.Sprintf("t=%d,v1=%s", now.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// testSucceed pays an intent of any account, by the method that ?payment_method names; a second time changes nothing.
func (s *stripeServer) testSucceed(w http.ResponseWriter, r *http.Request) {
	s.testIntent(w, r, func(known *intent) bool {
		if known.Status == "requires_payment_method" || known.Status == "processing" {
			if method := r.URL.Query().Get("payment_method"); method != "" {
				known.PaymentMethod = &method
			}
			s.succeed(known, eventRequest{})
		}
		return known.Status == "succeeded"
	})
}

// testProcess leaves an intent of any account with the bank: it is neither paid nor can it be cancelled.
func (s *stripeServer) testProcess(w http.ResponseWriter, r *http.Request) {
	s.testIntent(w, r, func(known *intent) bool {
		if known.Status == "requires_payment_method" {
			known.Status = "processing"
			s.emit(known.account, "payment_intent.processing", known.ID, known, eventRequest{})
		}
		return known.Status == "processing"
	})
}

// testRefund ends a refund of any account, as banks do days later.
func (s *stripeServer) testRefund(status string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		known, ok := s.refunds.get(r.PathValue("id"))
		switch {
		case !ok:
			writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such refund"})
		case !s.endRefund(known, status):
			writeJSON(w, http.StatusConflict, map[string]string{"error": "the refund is " + known.Status})
		default:
			writeJSON(w, http.StatusOK, known)
		}
	}
}

// testFail declines one attempt at paying an intent of any account; one that was with the bank is open again.
func (s *stripeServer) testFail(w http.ResponseWriter, r *http.Request) {
	s.testIntent(w, r, func(known *intent) bool {
		if known.Status != "requires_payment_method" && known.Status != "processing" {
			return false
		}
		known.Status = "requires_payment_method"
		s.fail(known, eventRequest{})
		return true
	})
}

func (s *stripeServer) testIntent(w http.ResponseWriter, r *http.Request, change func(*intent) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.intents.get(r.PathValue("id"))
	switch {
	case !ok:
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such payment intent"})
	case !change(known):
		writeJSON(w, http.StatusConflict, map[string]string{"error": "the payment intent is " + known.Status})
	default:
		writeJSON(w, http.StatusOK, known)
	}
}

// testResend delivers an event once more, under its own id.
func (s *stripeServer) testResend(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	event, ok := s.events.get(r.PathValue("id"))
	if !ok {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such event"})
		return
	}
	s.deliver(event)
	writeJSON(w, http.StatusOK, event.summary())
}

// testEvents lists what happened to an intent, or to all.
func (s *stripeServer) testEvents(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := r.URL.Query().Get("payment_intent")
	events := []map[string]string{}
	for _, event := range s.events.values() {
		if wanted == "" || event.intent == wanted {
			events = append(events, event.summary())
		}
	}
	writeJSON(w, http.StatusOK, events)
}

func (e *stripeEvent) summary() map[string]string {
	return map[string]string{"id": e.id, "type": e.kind, "at": timestamp(e.at)}
}

// testAccount registers one more account with a webhook of its own. Done again,
// it moves that webhook.
func (s *stripeServer) testAccount(w http.ResponseWriter, r *http.Request) {
	var body struct {
		SecretKey     string `json:"secret_key"`
		WebhookURL    string `json:"webhook_url"`
		WebhookSecret string `json:"webhook_secret"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	if body.SecretKey == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "secret_key is missing"})
		return
	}
	s.addAccount(body.SecretKey, body.WebhookURL, body.WebhookSecret)
	writeJSON(w, http.StatusCreated, body)
}

// testOutage makes the API answer 503 for some seconds; 0 ends that.
func (s *stripeServer) testOutage(w http.ResponseWriter, r *http.Request) {
	var body struct{ Seconds float64 }
	if !readJSON(w, r, &body) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.downTill = time.Now().Add(time.Duration(body.Seconds * float64(time.Second)))
	w.WriteHeader(http.StatusNoContent)
}

// testWebhooks pauses and continues all deliveries.
func (s *stripeServer) testWebhooks(w http.ResponseWriter, r *http.Request) {
	var body struct{ Enabled *bool }
	if !readJSON(w, r, &body) {
		return
	}
	if body.Enabled == nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "enabled is missing"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case *body.Enabled && s.paused != nil:
		close(s.paused)
		s.paused = nil
	case !*body.Enabled && s.paused == nil:
		s.paused = make(chan struct{})
	}
	w.WriteHeader(http.StatusNoContent)
}
