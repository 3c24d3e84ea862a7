package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/notification"
	"atrium/modules/users"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP lists notifications and marks them as read.
type HTTP struct {
	notifications *Service
	cursors       *page.Signer
}

// NewHTTP seals positions in the list with cursors.
func NewHTTP(notifications *Service, cursors *page.Signer) *HTTP {
	return &HTTP{notifications: notifications, cursors: cursors}
}

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "notifications", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/notifications", Name: "list-notifications",
			Summary: "Lists the caller's notifications, newest first"}, h.list)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/notifications/unread-count", Name: "count-unread-notifications",
			Summary: "Counts the caller's unread notifications"}, h.unreadCount)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/notifications/read", Name: "mark-notifications-read",
			Summary: "Marks everything up to one notification as read", Status: http.StatusNoContent}, h.read)
	}}
}

type notificationResponse struct {
	ID        uuid.UUID       `json:"id"`
	Type      string          `json:"type" example:"post.liked"`
	Actors    []users.Ref     `json:"actors"`
	Subject   subjectResponse `json:"subject"`
	Count     int             `json:"count" doc:"how many did it"`
	Text      string          `json:"text" example:"Ana likes your room."`
	Read      bool            `json:"read"`
	CreatedAt time.Time       `json:"created_at"`
}

// SchemaName is its name in the OpenAPI document.
func (notificationResponse) SchemaName() string { return "Notification" }

type subjectResponse struct {
	Type string    `json:"type" example:"post"`
	ID   uuid.UUID `json:"id"`
}

// SchemaName is its name in the OpenAPI document.
func (subjectResponse) SchemaName() string { return "NotificationSubject" }

func toResponse(n notification.Notification, actors map[uuid.UUID]users.Ref) notificationResponse {
	response := notificationResponse{
		ID: n.ID, Type: string(n.Type), Actors: []users.Ref{}, Subject: subjectResponse{Type: string(n.SubjectType), ID: n.SubjectID},
		Count: 1, Text: n.Sentence(actors[n.ActorID]), Read: n.ReadAt != nil, CreatedAt: n.CreatedAt.UTC(),
	}
	if actor, ok := actors[n.ActorID]; ok {
		response.Actors = append(response.Actors, actor)
	}
	return response
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[notificationResponse]], error) {
	user := identity.From(ctx).UserID
	scope := page.Scope("notifications", user)
	var below uuid.UUID
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &below); err != nil {
		return nil, err
	}
	found, actors, err := h.notifications.List(ctx, user, below, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, found,
		func(n notification.Notification) notificationResponse { return toResponse(n, actors) },
		func(n notification.Notification) any { return n.ID })), nil
}

type countResponse struct {
	Count int64 `json:"count"`
}

// SchemaName is its name in the OpenAPI document.
func (countResponse) SchemaName() string { return "UnreadCount" }

func (h *HTTP) unreadCount(ctx context.Context, _ *struct{}) (*httpserver.Answer[countResponse], error) {
	n, err := h.notifications.CountUnread(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(countResponse{Count: n}), nil
}

type readRequest struct {
	Body struct {
		UpTo uuid.UUID `json:"up_to" doc:"the newest notification that was seen"`
	}
}

func (h *HTTP) read(ctx context.Context, in *readRequest) (*httpserver.Empty, error) {
	return nil, h.notifications.MarkRead(ctx, identity.From(ctx).UserID, in.Body.UpTo)
}
