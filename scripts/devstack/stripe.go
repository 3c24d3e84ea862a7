package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// stripeVersion is the API version that stripe-go v84 expects in events.
const stripeVersion = "2026-02-25.clover"

const (
	intentsLimit = 20_000
	eventsLimit  = 50_000
	repliesLimit = 10_000
	replyLife    = 24 * time.Hour
)

// stripeServer stands in for Stripe: PaymentIntents, refunds and signed webhooks.
// One lock serves all: it is held for no longer than a map access takes.
type stripeServer struct {
	ctx   context.Context // ends the deliveries
	close func()

	mu       sync.Mutex
	accounts *recent[*stripeAccount] // by secret key
	intents  *recent[*intent]
	refunds  *recent[*refund]
	disputes *recent[*dispute]
	events   *recent[*stripeEvent]
	replies  *recent[reply] // by account and idempotency key
	downTill time.Time
	pending  int           // deliveries under way
	paused   chan struct{} // nil while webhooks are on; closed to continue
}

// stripeAccount owns objects and a webhook.
type stripeAccount struct {
	key, webhookURL, webhookSecret string
}

// reply is what an idempotency key answered first.
type reply struct {
	fingerprint string
	status      int
	body        []byte
	expires     time.Time
}

func newStripe() *stripeServer {
	ctx, cancel := context.WithCancel(context.Background())
	return &stripeServer{
		ctx: ctx, close: cancel,
		accounts: newRecent[*stripeAccount](1000), intents: newRecent[*intent](intentsLimit),
		refunds: newRecent[*refund](intentsLimit), disputes: newRecent[*dispute](intentsLimit), events: newRecent[*stripeEvent](eventsLimit),
		replies: newRecent[reply](repliesLimit),
	}
}

// addAccount makes an account, or moves the webhook of the one with that key.
func (s *stripeServer) addAccount(key, webhookURL, webhookSecret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.accounts.get(key); ok {
		known.webhookURL, known.webhookSecret = webhookURL, webhookSecret
		return
	}
	s.accounts.put(key, &stripeAccount{key, webhookURL, webhookSecret})
}

func (s *stripeServer) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]stripeCall{
		"POST /v1/payment_intents":              s.createIntent,
		"GET /v1/payment_intents":               s.listIntents,
		"GET /v1/payment_intents/{id}":          s.retrieveIntent,
		"POST /v1/payment_intents/{id}":         s.updateIntent,
		"POST /v1/payment_intents/{id}/confirm": s.confirmIntent,
		"POST /v1/payment_intents/{id}/cancel":  s.cancelIntent,
		"POST /v1/refunds":                      s.createRefund,
		"GET /v1/refunds":                       s.listRefunds,
		"GET /v1/refunds/{id}":                  s.retrieveRefund,
		"GET /v1/disputes":                      s.listDisputes,
		"GET /v1/disputes/{id}":                 s.retrieveDispute,
		"/v1/":                                  s.unknownRoute,
	} {
		mux.Handle(pattern, s.api(serve))
	}
	mux.HandleFunc("POST /test/payment_intents/{id}/succeed", s.testSucceed)
	mux.HandleFunc("POST /test/payment_intents/{id}/fail", s.testFail)
	mux.HandleFunc("POST /test/payment_intents/{id}/process", s.testProcess)
	mux.HandleFunc("POST /test/payment_intents/{id}/cancel", s.testCancel)
	mux.HandleFunc("POST /test/payment_intents/{id}/refund", s.testRefundByHand)
	mux.HandleFunc("POST /test/payment_intents/{id}/dispute", s.testDispute)
	mux.HandleFunc("POST /test/payment_intents/{id}/dispute/close", s.testCloseDispute)
	mux.HandleFunc("POST /test/refunds/{id}/succeed", s.testRefund("succeeded"))
	mux.HandleFunc("POST /test/refunds/{id}/fail", s.testRefund("failed"))
	mux.HandleFunc("POST /test/events/{id}/resend", s.testResend)
	mux.HandleFunc("GET /test/events", s.testEvents)
	mux.HandleFunc("POST /test/accounts", s.testAccount)
	mux.HandleFunc("POST /test/outage", s.testOutage)
	mux.HandleFunc("POST /test/webhooks", s.testWebhooks)
	return mux
}

// apiRequest is one authenticated call.
type apiRequest struct {
	account *stripeAccount
	id      string // of the object in the path
	form    url.Values
	trace   eventRequest
}

// stripeCall answers the object, or a fault. It runs under the lock.
type stripeCall func(r apiRequest) (any, *stripeFault)

// stripeFault is Stripe's error object.
type stripeFault struct {
	status      int
	Type        string  `json:"type"`
	Code        string  `json:"code,omitempty"`
	DeclineCode string  `json:"decline_code,omitempty"`
	Message     string  `json:"message"`
	Param       string  `json:"param,omitempty"`
	Intent      *intent `json:"payment_intent,omitempty"`
}

func invalid(code, param, message string) *stripeFault {
	return &stripeFault{status: http.StatusBadRequest, Type: "invalid_request_error", Code: code, Param: param, Message: message}
}

func noSuch(kind, id string) *stripeFault {
	return &stripeFault{status: http.StatusNotFound, Type: "invalid_request_error", Code: "resource_missing", Param: "id", Message: "No such " + kind + ": '" + id + "'"}
}

func (s *stripeServer) unknownRoute(apiRequest) (any, *stripeFault) {
	return nil, &stripeFault{status: http.StatusNotFound, Type: "invalid_request_error", Message: "Unrecognized request URL."}
}

// api wraps a call with what all calls share: outage, key, form, idempotency.
func (s *stripeServer) api(call stripeCall) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		formError := r.ParseForm()
		s.mu.Lock()
		defer s.mu.Unlock()
		requestID := "req_" + randomHex(7)
		w.Header().Set("Request-Id", requestID)
		if time.Now().Before(s.downTill) {
			answerStripe(w, nil, &stripeFault{status: http.StatusServiceUnavailable, Type: "api_error", Message: "Stripe is unavailable (test outage)."})
			return
		}
		account, known := s.accounts.get(secretKeyOf(r))
		if !known {
			w.Header().Set("WWW-Authenticate", `Basic realm="Stripe"`)
			answerStripe(w, nil, &stripeFault{status: http.StatusUnauthorized, Type: "invalid_request_error", Message: "Invalid API Key provided."})
			return
		}
		if formError != nil {
			answerStripe(w, nil, invalid("", "", "Invalid form body."))
			return
		}
		key := ""
		if r.Method == http.MethodPost {
			key = r.Header.Get("Idempotency-Key")
		}
		if key != "" && s.replay(w, r, account, key) {
			return
		}
		answer, fault := call(apiRequest{account, r.PathValue("id"), r.Form, eventRequest{requestID, key}})
		status, body := answerStripe(w, answer, fault)
		if key != "" && (fault == nil || status == http.StatusPaymentRequired) {
			s.replies.put(account.key+" "+key, reply{fingerprint(r), status, body, time.Now().Add(replyLife)})
		}
	})
}

// replay answers what the key answered before; true when that settled the request.
// Calls run one at a time, so a key is never still in use.
func (s *stripeServer) replay(w http.ResponseWriter, r *http.Request, account *stripeAccount, key string) bool {
	earlier, known := s.replies.get(account.key + " " + key)
	if !known {
		return false
	}
	if time.Now().After(earlier.expires) {
		s.replies.remove(account.key + " " + key)
		return false
	}
	if earlier.fingerprint != fingerprint(r) {
		answerStripe(w, nil, &stripeFault{status: http.StatusBadRequest, Type: "idempotency_error",
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with. " +
				"Try using a key other than '" + key + "' if you meant to execute a different request."})
		return true
	}
	w.Header().Set("Idempotent-Replayed", "true")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(earlier.status)
	_, _ = w.Write(earlier.body)
	return true
}

func fingerprint(r *http.Request) string {
	sum := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + " " + r.Form.Encode()))
	return hex.EncodeToString(sum[:])
}

// secretKeyOf reads Bearer, or Basic with the key as the user.
func secretKeyOf(r *http.Request) string {
	if key, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		return key
	}
	key, _, _ := r.BasicAuth()
	return key
}

func answerStripe(w http.ResponseWriter, answer any, fault *stripeFault) (int, []byte) {
	status := http.StatusOK
	if fault != nil {
		status, answer = fault.status, map[string]any{"error": fault}
	}
	body, _ := json.Marshal(answer) // plain values cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return status, body
}

// stripeList is a page, the newest first.
type stripeList[V any] struct {
	Object  string `json:"object"`
	URL     string `json:"url"`
	HasMore bool   `json:"has_more"`
	Data    []V    `json:"data"`
}
