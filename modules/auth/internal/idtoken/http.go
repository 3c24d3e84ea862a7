package idtoken

import (
	"context"
	"net/http"
	"time"

	"atrium/modules/auth/internal/throttle"
	"atrium/platform/httpserver"
)

// HTTP hands out nonces.
type HTTP struct{ tokens *Verifier }

// NewHTTP needs the verifier that will consume the nonces.
func NewHTTP(tokens *Verifier) *HTTP { return &HTTP{tokens: tokens} }

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/nonce", Name: "create-nonce", Summary: "Creates a nonce for an ID token",
			Status: http.StatusCreated, Access: httpserver.Anonymous, Limit: throttle.LimitClass}, h.issueNonce)
	}}
}

type nonceResponse struct {
	Nonce     string    `json:"nonce" example:"n0-1x2y3z4w5v6u7t8s9r0q1p2o3n4m5l6k7j8i9h0g1f2" doc:"put it into the request for the ID token, as it is; for Apple also as the hex of its SHA-256"`
	ExpiresAt time.Time `json:"expires_at"`
}

// SchemaName is its name in the OpenAPI document.
func (nonceResponse) SchemaName() string { return "Nonce" }

func (h *HTTP) issueNonce(ctx context.Context, _ *struct{}) (*httpserver.Answer[nonceResponse], error) {
	text, expires, err := h.tokens.IssueNonce(ctx)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(nonceResponse{Nonce: text, ExpiresAt: expires}), nil
}
