package export

import (
	"context"
	"net/http"
	"time"

	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP is the capability's part of the API.
type HTTP struct{ exports *Service }

// NewHTTP makes the routes.
func NewHTTP(exports *Service) *HTTP { return &HTTP{exports: exports} }

// Register plugs them in.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/me/export", Name: "request-export",
		Summary: "Have an archive made of everything that is kept about you", Status: http.StatusAccepted, Fresh: true}, h.request)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/export", Name: "get-export",
		Summary: "How your archive stands, and its link"}, h.standing)
}

type standingResponse struct {
	Status    string     `json:"status" enum:"preparing,ready,failed,expired" example:"ready"`
	URL       string     `json:"url,omitempty" doc:"fetches the ZIP file; whoever has it can" example:"https://cdn.example.com/exports/k3n.../atrium-export.zip?Policy=..."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"then the archive is removed" example:"2026-12-01T09:30:00Z"`
}

func toStanding(s Standing) *httpserver.Answer[standingResponse] {
	return httpserver.OK(standingResponse(s))
}

func (h *HTTP) request(ctx context.Context, _ *struct{}) (*httpserver.Answer[standingResponse], error) {
	s, err := h.exports.Request(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return toStanding(s), nil
}

func (h *HTTP) standing(ctx context.Context, _ *struct{}) (*httpserver.Answer[standingResponse], error) {
	s, err := h.exports.Standing(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return toStanding(s), nil
}
