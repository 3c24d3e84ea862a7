package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// intent is a PaymentIntent.
type intent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	Automatic          map[string]any    `json:"automatic_payment_methods"`
	CanceledAt         *int64            `json:"canceled_at"`
	CancellationReason *string           `json:"cancellation_reason"`
	CaptureMethod      string            `json:"capture_method"`
	ClientSecret       string            `json:"client_secret"`
	ConfirmationMethod string            `json:"confirmation_method"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	Customer           *string           `json:"customer"`
	Description        *string           `json:"description"`
	LastPaymentError   *stripeFault      `json:"last_payment_error"`
	LatestCharge       *string           `json:"latest_charge"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	ReceiptEmail       *string           `json:"receipt_email"`
	Status             string            `json:"status"`

	account  *stripeAccount
	refunded int64
	disputed int64 // withdrawn, or lost
}

// refund is money given back.
type refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        *string           `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	Metadata      map[string]string `json:"metadata"`
	FailureReason *string           `json:"failure_reason,omitempty"`
	PaymentIntent string            `json:"payment_intent"`
	Reason        *string           `json:"reason"`
	Status        string            `json:"status"`

	account *stripeAccount
}

// charge exists only as an intent's latest_charge and in charge.refunded.
type charge struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	Captured       bool              `json:"captured"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Paid           bool              `json:"paid"`
	PaymentIntent  string            `json:"payment_intent"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
}

// pendingRefund is Stripe's test method whose refunds are pending at first.
const pendingRefund = "pm_card_pendingRefund"

var currencyCode = regexp.MustCompile(`^[a-z]{3}$`)

func (s *stripeServer) createIntent(r apiRequest) (any, *stripeFault) {
	amount, fault := positiveInt(r.form, "amount")
	if fault != nil {
		return nil, fault
	}
	currency := strings.ToLower(r.form.Get("currency"))
	if !currencyCode.MatchString(currency) {
		return nil, invalid("parameter_missing", "currency", "Missing or invalid required param: currency.")
	}
	id := "pi_" + randomHex(12)
	made := &intent{
		ID: id, Object: "payment_intent", Amount: amount, CaptureMethod: "automatic_async",
		ClientSecret: id + "_secret_" + randomHex(12), ConfirmationMethod: "automatic",
		Created: time.Now().Unix(), Currency: currency, Metadata: metadataOf(r.form),
		Customer: optional(r.form, "customer"), Description: optional(r.form, "description"),
		ReceiptEmail: optional(r.form, "receipt_email"), PaymentMethod: optional(r.form, "payment_method"),
		PaymentMethodTypes: []string{"card"}, Status: "requires_payment_method", account: r.account,
	}
	if r.form.Get("automatic_payment_methods[enabled]") == "true" {
		made.Automatic = map[string]any{"enabled": true, "allow_redirects": "always"}
	}
	s.intents.put(id, made)
	s.emit(made.account, "payment_intent.created", id, made, r.trace)
	if r.form.Get("confirm") == "true" {
		return s.confirm(made, r.trace)
	}
	return made, nil
}

func (s *stripeServer) retrieveIntent(r apiRequest) (any, *stripeFault) {
	return found(s.findIntent(r))
}

// found keeps a typed nil out of the answer.
func found[V any](value *V, fault *stripeFault) (any, *stripeFault) {
	if fault != nil {
		return nil, fault
	}
	return value, nil
}

// findIntent knows only the account's own.
func (s *stripeServer) findIntent(r apiRequest) (*intent, *stripeFault) {
	known, ok := s.intents.get(r.id)
	if !ok || known.account != r.account {
		return nil, noSuch("payment_intent", r.id)
	}
	return known, nil
}

// updateIntent changes metadata and, before payment, the amount.
func (s *stripeServer) updateIntent(r apiRequest) (any, *stripeFault) {
	known, fault := s.findIntent(r)
	if fault != nil {
		return nil, fault
	}
	if r.form.Has("amount") {
		amount, fault := positiveInt(r.form, "amount")
		if fault != nil {
			return nil, fault
		}
		if known.Status != "requires_payment_method" {
			return nil, unexpectedState(known, "update")
		}
		known.Amount = amount
	}
	for name, value := range metadataOf(r.form) {
		known.Metadata[name] = value
	}
	return known, nil
}

func (s *stripeServer) confirmIntent(r apiRequest) (any, *stripeFault) {
	known, fault := s.findIntent(r)
	if fault != nil {
		return nil, fault
	}
	if method := optional(r.form, "payment_method"); method != nil {
		known.PaymentMethod = method
	}
	return s.confirm(known, r.trace)
}

// confirm pays with Stripe's test methods: pm_card_chargeDeclined is declined,
// every other one is good.
func (s *stripeServer) confirm(known *intent, trace eventRequest) (any, *stripeFault) {
	switch {
	case known.Status != "requires_payment_method":
		return nil, unexpectedState(known, "confirm")
	case known.PaymentMethod == nil:
		return nil, invalid("payment_intent_unexpected_state", "payment_method", "You cannot confirm this PaymentIntent because it's missing a payment method.")
	case strings.Contains(*known.PaymentMethod, "eclined"):
		s.fail(known, trace)
		fault := *known.LastPaymentError
		fault.status, fault.Intent = http.StatusPaymentRequired, known
		return nil, &fault
	}
	s.succeed(known, trace)
	return known, nil
}

func (s *stripeServer) cancelIntent(r apiRequest) (any, *stripeFault) {
	known, fault := s.findIntent(r)
	if fault != nil {
		return nil, fault
	}
	if known.Status != "requires_payment_method" {
		return nil, unexpectedState(known, "cancel")
	}
	now := time.Now().Unix()
	known.Status, known.CanceledAt = "canceled", &now
	known.CancellationReason = optional(r.form, "cancellation_reason")
	s.emit(known.account, "payment_intent.canceled", known.ID, known, r.trace)
	return known, nil
}

func unexpectedState(known *intent, verb string) *stripeFault {
	fault := invalid("payment_intent_unexpected_state", "", fmt.Sprintf("You cannot %s this PaymentIntent because it has a status of %s.", verb, known.Status))
	fault.Intent = known
	return fault
}

// succeed is the payment itself; the caller has checked that it is still open.
func (s *stripeServer) succeed(known *intent, trace eventRequest) {
	chargeID := "ch_" + randomHex(12)
	known.Status, known.AmountReceived = "succeeded", known.Amount
	known.LatestCharge, known.LastPaymentError = &chargeID, nil
	if known.PaymentMethod == nil {
		method := "pm_card_visa"
		known.PaymentMethod = &method
	}
	s.emit(known.account, "payment_intent.succeeded", known.ID, known, trace)
}

// fail is a declined attempt: the intent stays open for another.
func (s *stripeServer) fail(known *intent, trace eventRequest) {
	known.PaymentMethod = nil
	known.LastPaymentError = &stripeFault{Type: "card_error", Code: "card_declined", DeclineCode: "generic_decline", Message: "Your card was declined."}
	s.emit(known.account, "payment_intent.payment_failed", known.ID, known, trace)
}

func (s *stripeServer) listIntents(r apiRequest) (any, *stripeFault) {
	intents := slices.DeleteFunc(s.intents.values(), func(i *intent) bool {
		return i.account != r.account || !createdWithin(r.form, i.Created)
	})
	return listPage(r.form, "/v1/payment_intents", intents, func(i *intent) string { return i.ID })
}

func (s *stripeServer) createRefund(r apiRequest) (any, *stripeFault) {
	paid, fault := s.paidIntent(r)
	if fault != nil {
		return nil, fault
	}
	if s.openDispute(paid) != nil {
		return nil, invalid("charge_disputed", "", "Charge "+*paid.LatestCharge+" has been charged back; cannot issue a refund.")
	}
	left := paid.left()
	if left == 0 {
		return nil, invalid("charge_already_refunded", "", "Charge "+*paid.LatestCharge+" has already been refunded.")
	}
	amount := left
	if r.form.Has("amount") {
		if amount, fault = positiveInt(r.form, "amount"); fault != nil {
			return nil, fault
		}
	}
	if amount > left {
		return nil, invalid("amount_too_large", "amount", fmt.Sprintf("Refund amount (%d) is greater than unrefunded amount on charge (%d).", amount, left))
	}
	paid.refunded += amount
	made := &refund{
		ID: "re_" + randomHex(12), Object: "refund", Amount: amount, Charge: paid.LatestCharge,
		Created: time.Now().Unix(), Currency: paid.Currency, Metadata: metadataOf(r.form),
		PaymentIntent: paid.ID, Reason: optional(r.form, "reason"), Status: "succeeded", account: r.account,
	}
	if *paid.PaymentMethod == pendingRefund {
		made.Status = "pending"
	}
	s.refunds.put(made.ID, made)
	s.emit(r.account, "refund.created", paid.ID, made, r.trace)
	s.emit(r.account, "charge.refunded", paid.ID, paid.charge(), r.trace)
	s.emit(r.account, "refund.updated", paid.ID, made, r.trace)
	return made, nil
}

// paidIntent answers the intent that a refund names, directly or by its charge.
func (s *stripeServer) paidIntent(r apiRequest) (*intent, *stripeFault) {
	id, chargeID := r.form.Get("payment_intent"), r.form.Get("charge")
	if id == "" && chargeID == "" {
		return nil, invalid("parameter_missing", "charge", "One of the following params should be provided for this request: payment_intent or charge.")
	}
	for _, known := range s.intents.values() {
		if known.account != r.account || known.ID != id && (known.LatestCharge == nil || *known.LatestCharge != chargeID) {
			continue
		}
		if known.Status != "succeeded" {
			return nil, invalid("payment_intent_unexpected_state", "payment_intent", "This PaymentIntent ("+known.ID+") does not have a successful charge to refund.")
		}
		return known, nil
	}
	return nil, noSuch("payment_intent", id+chargeID)
}

// endRefund is what the bank says of a refund in the end, even of one that had succeeded; the caller holds the lock.
func (s *stripeServer) endRefund(known *refund, status string) bool {
	if known.Status == status || known.Status == "failed" {
		return known.Status == status
	}
	known.Status = status
	kinds := []string{"refund.updated"}
	if status == "failed" {
		reason := "expired_or_canceled_card"
		known.FailureReason = &reason
		kinds = append(kinds, "refund.failed")
		if paid, ok := s.intents.get(known.PaymentIntent); ok {
			paid.refunded -= known.Amount
		}
	}
	for _, kind := range kinds {
		s.emit(known.account, kind, known.PaymentIntent, known, eventRequest{})
	}
	return true
}

func (s *stripeServer) retrieveRefund(r apiRequest) (any, *stripeFault) {
	known, ok := s.refunds.get(r.id)
	if !ok || known.account != r.account {
		return nil, noSuch("refund", r.id)
	}
	return known, nil
}

func (s *stripeServer) listRefunds(r apiRequest) (any, *stripeFault) {
	id, chargeID := r.form.Get("payment_intent"), r.form.Get("charge")
	refunds := slices.DeleteFunc(s.refunds.values(), func(known *refund) bool {
		return known.account != r.account || id != "" && known.PaymentIntent != id ||
			chargeID != "" && *known.Charge != chargeID || !createdWithin(r.form, known.Created)
	})
	return listPage(r.form, "/v1/refunds", refunds, func(known *refund) string { return known.ID })
}

func (i *intent) charge() *charge {
	return &charge{
		ID: *i.LatestCharge, Object: "charge", Amount: i.Amount, AmountCaptured: i.AmountReceived,
		AmountRefunded: i.refunded, Captured: true, Created: i.Created, Currency: i.Currency,
		Metadata: i.Metadata, Paid: true, PaymentIntent: i.ID, Refunded: i.refunded == i.AmountReceived, Status: "succeeded",
	}
}

// createdWithin honours created and created[gt|gte|lt|lte].
func createdWithin(form url.Values, created int64) bool {
	for name, holds := range map[string]func(limit int64) bool{
		"created": func(l int64) bool { return created == l }, "created[gt]": func(l int64) bool { return created > l },
		"created[gte]": func(l int64) bool { return created >= l }, "created[lt]": func(l int64) bool { return created < l },
		"created[lte]": func(l int64) bool { return created <= l },
	} {
		if limit, err := strconv.ParseInt(form.Get(name), 10, 64); err == nil && !holds(limit) {
			return false
		}
	}
	return true
}

// listPage cuts a page out of values that come oldest first.
func listPage[V any](form url.Values, path string, values []V, id func(V) string) (any, *stripeFault) {
	limit := 10
	if text := form.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 100 {
			return nil, invalid("parameter_invalid_integer", "limit", "limit is 1 to 100.")
		}
	}
	slices.Reverse(values)
	if after := form.Get("starting_after"); after != "" {
		i := slices.IndexFunc(values, func(v V) bool { return id(v) == after })
		if i < 0 {
			return nil, noSuch("object", after)
		}
		values = values[i+1:]
	}
	page := stripeList[V]{Object: "list", URL: path, HasMore: len(values) > limit, Data: values}
	if page.HasMore {
		page.Data = values[:limit]
	}
	return page, nil
}

func positiveInt(form url.Values, name string) (int64, *stripeFault) {
	if form.Get(name) == "" {
		return 0, invalid("parameter_missing", name, "Missing required param: "+name+".")
	}
	value, err := strconv.ParseInt(form.Get(name), 10, 64)
	if err != nil || value < 1 || value > 99_999_999 {
		return 0, invalid("parameter_invalid_integer", name, "Invalid positive integer: "+form.Get(name))
	}
	return value, nil
}

func metadataOf(form url.Values) map[string]string {
	metadata := map[string]string{}
	for name := range form {
		if inner, found := strings.CutPrefix(name, "metadata["); found {
			metadata[strings.TrimSuffix(inner, "]")] = form.Get(name)
		}
	}
	return metadata
}

func optional(form url.Values, name string) *string {
	if !form.Has(name) {
		return nil
	}
	value := form.Get(name)
	return &value
}
