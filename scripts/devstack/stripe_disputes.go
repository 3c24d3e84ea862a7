package main

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// dispute is a customer who asks their bank for the money: it is withdrawn until the bank decides.
type dispute struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	Charge             string            `json:"charge"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	IsChargeRefundable bool              `json:"is_charge_refundable"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	PaymentIntent      string            `json:"payment_intent"`
	Reason             string            `json:"reason"`
	Status             string            `json:"status"`

	account *stripeAccount
}

func (d *dispute) open() bool { return d.Status == "needs_response" || d.Status == "under_review" }

// left is what the account still has of an intent.
func (i *intent) left() int64 { return i.AmountReceived - i.refunded - i.disputed }

// disputesOf lists an intent's disputes, the oldest first; the caller holds the lock.
func (s *stripeServer) disputesOf(known *intent) []*dispute {
	return slices.DeleteFunc(s.disputes.values(), func(d *dispute) bool { return d.PaymentIntent != known.ID })
}

// openDispute is an intent's dispute that the bank has not decided, or nil; the caller holds the lock.
func (s *stripeServer) openDispute(known *intent) *dispute {
	for _, d := range s.disputesOf(known) {
		if d.open() {
			return d
		}
	}
	return nil
}

// testDispute has the customer of any account dispute what is left of a payment; a second time changes nothing.
func (s *stripeServer) testDispute(w http.ResponseWriter, r *http.Request) {
	s.testIntent(w, r, func(known *intent) bool {
		if s.openDispute(known) != nil {
			return true
		}
		if known.Status != "succeeded" || known.left() == 0 {
			return false
		}
		made := &dispute{
			ID: "du_" + randomHex(12), Object: "dispute", Amount: known.left(), Charge: *known.LatestCharge, Created: time.Now().Unix(),
			Currency: known.Currency, Metadata: map[string]string{}, PaymentIntent: known.ID, Reason: "fraudulent", Status: "needs_response", account: known.account,
		}
		known.disputed += made.Amount
		s.disputes.put(made.ID, made)
		s.emit(known.account, "charge.dispute.created", known.ID, made, eventRequest{})
		s.emit(known.account, "charge.dispute.funds_withdrawn", known.ID, made, eventRequest{})
		return true
	})
}

// testCloseDispute is the bank's decision about an open dispute of any account; the same one a second time changes nothing.
func (s *stripeServer) testCloseDispute(w http.ResponseWriter, r *http.Request) {
	var body struct{ Won *bool }
	if !readJSON(w, r, &body) {
		return
	}
	if body.Won == nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "won is missing"})
		return
	}
	status := "lost"
	if *body.Won {
		status = "won"
	}
	s.testIntent(w, r, func(known *intent) bool {
		d := s.openDispute(known)
		if d == nil {
			all := s.disputesOf(known)
			return len(all) > 0 && all[len(all)-1].Status == status
		}
		if d.Status = status; status == "won" {
			known.disputed -= d.Amount
			s.emit(known.account, "charge.dispute.funds_reinstated", known.ID, d, eventRequest{})
		}
		s.emit(known.account, "charge.dispute.closed", known.ID, d, eventRequest{})
		return true
	})
}

// testCancel cancels an intent of any account, as somebody does by hand.
func (s *stripeServer) testCancel(w http.ResponseWriter, r *http.Request) {
	s.testIntent(w, r, func(known *intent) bool {
		if known.Status == "requires_payment_method" {
			_, fault := s.cancelIntent(apiRequest{account: known.account, id: known.ID, form: url.Values{}})
			return fault == nil
		}
		return known.Status == "canceled"
	})
}

// testRefundByHand refunds an intent of any account, as somebody does by hand: an amount, or what is left.
func (s *stripeServer) testRefundByHand(w http.ResponseWriter, r *http.Request) {
	var body struct{ Amount *int64 }
	if !readJSON(w, r, &body) {
		return
	}
	s.testIntent(w, r, func(known *intent) bool {
		form := url.Values{"payment_intent": {known.ID}}
		if body.Amount != nil {
			form.Set("amount", strconv.FormatInt(*body.Amount, 10))
		}
		_, fault := s.createRefund(apiRequest{account: known.account, form: form})
		return fault == nil
	})
}

func (s *stripeServer) retrieveDispute(r apiRequest) (any, *stripeFault) {
	known, ok := s.disputes.get(r.id)
	if !ok || known.account != r.account {
		return nil, noSuch("dispute", r.id)
	}
	return known, nil
}

func (s *stripeServer) listDisputes(r apiRequest) (any, *stripeFault) {
	id := r.form.Get("payment_intent")
	disputes := slices.DeleteFunc(s.disputes.values(), func(d *dispute) bool {
		return d.account != r.account || id != "" && d.PaymentIntent != id || !createdWithin(r.form, d.Created)
	})
	return listPage(r.form, "/v1/disputes", disputes, func(d *dispute) string { return d.ID })
}
