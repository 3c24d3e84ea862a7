package internal

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

func (h *HTTP) registerAudit(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/admin/audit", Name: "list-audit",
		Summary: "Who signed in, whose sessions ended and why, who may do what: newest first", Roles: []string{identity.RoleAdmin}}, h.audit)
}

type auditRequest struct {
	page.Query
	UserID string `query:"user_id" format:"uuid" doc:"only about this person" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
	Event  string `query:"event" enum:"signed_in,refreshed,ended,linked,unlinked,roles_changed,export_requested" doc:"only of this kind" example:"ended"`
}

type auditItem struct {
	ID        uuid.UUID  `json:"id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0009"`
	At        time.Time  `json:"at" example:"2026-11-24T10:15:00Z"`
	UserID    uuid.UUID  `json:"user_id" doc:"whom it is about" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
	ActorID   *uuid.UUID `json:"actor_id" doc:"who did it, where that is somebody else" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0002"`
	SessionID *uuid.UUID `json:"session_id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0003"`
	Event     string     `json:"event" enum:"signed_in,refreshed,ended,linked,unlinked,roles_changed,export_requested" example:"ended"`
	Detail    string     `json:"detail" doc:"the provider, the reason of an end, or the new roles" example:"suspended"`
}

func toAuditItem(e entry) auditItem {
	return auditItem{ID: e.ID, At: e.At.UTC(), UserID: e.UserID, ActorID: e.ActorID, SessionID: e.SessionID, Event: e.Event, Detail: e.Detail}
}

var errNoID = fault.Invalid("request.invalid", "A value of the request is wrong.")

func (h *HTTP) audit(ctx context.Context, in *auditRequest) (*httpserver.Answer[page.List[auditItem]], error) {
	filter := auditFilter{Event: in.Event}
	if in.UserID != "" {
		var err error
		if filter.User, err = uuid.Parse(in.UserID); err != nil {
			return nil, errNoID.At("query.user_id", "must be a UUID")
		}
	}
	scope := page.Scope("auth.audit", identity.From(ctx).UserID, in.UserID, in.Event)
	var before uuid.UUID
	if _, err := h.cursors.Open(scope, in.Cursor, &before); err != nil {
		return nil, err
	}
	found, err := h.auth.Audit(ctx, filter, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, found, toAuditItem, func(e entry) any { return e.ID })), nil
}
