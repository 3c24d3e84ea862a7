package audit

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves the audit log to admins.
type HTTP struct {
	log     *Log
	cursors *page.Signer
}

// NewHTTP seals positions in the log with cursors.
func NewHTTP(log *Log, cursors *page.Signer) *HTTP { return &HTTP{log: log, cursors: cursors} }

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/admin/audit", Name: "list-audit-events",
		Summary: "Lists sign-ins, ended sessions and changes of roles, newest first", Roles: []string{identity.RoleAdmin}}, h.list)
}

type listRequest struct {
	page.Query
	UserID string `query:"user_id" format:"uuid" doc:"only about this person" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
	Event  string `query:"event" enum:"signed_in,refreshed,ended,linked,unlinked,roles_changed,export_requested,email_changed" doc:"only of this kind" example:"ended"`
}

type entryResponse struct {
	ID        uuid.UUID  `json:"id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0009"`
	At        time.Time  `json:"at" example:"2026-11-24T10:15:00Z"`
	UserID    uuid.UUID  `json:"user_id" doc:"whom it is about" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
	ActorID   *uuid.UUID `json:"actor_id" doc:"who did it, where that is somebody else" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0002"`
	SessionID *uuid.UUID `json:"session_id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0003"`
	Event     Event      `json:"event" enum:"signed_in,refreshed,ended,linked,unlinked,roles_changed,export_requested,email_changed" example:"ended"`
	Detail    string     `json:"detail" doc:"the provider, the reason of an end, or the new roles" example:"suspended"`
}

// SchemaName is its name in the OpenAPI document.
func (entryResponse) SchemaName() string { return "AuditEvent" }

func toResponse(e Entry) entryResponse {
	return entryResponse{ID: e.ID, At: e.At.UTC(), UserID: e.UserID, ActorID: e.ActorID, SessionID: e.SessionID, Event: e.Event, Detail: e.Detail}
}

var errNoID = fault.Invalid("request.invalid", "A value of the request is wrong.")

func (h *HTTP) list(ctx context.Context, in *listRequest) (*httpserver.Answer[page.List[entryResponse]], error) {
	filter := Filter{Event: Event(in.Event)}
	if in.UserID != "" {
		var err error
		if filter.User, err = uuid.Parse(in.UserID); err != nil {
			return nil, errNoID.At("query.user_id", "must be a UUID")
		}
	}
	scope := page.Scope("auth.audit", identity.From(ctx).UserID, in.UserID, in.Event)
	var before uuid.UUID
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &before); err != nil {
		return nil, err
	}
	found, err := h.log.List(ctx, filter, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, found, toResponse, func(e Entry) any { return e.ID })), nil
}
