package internal

import (
	"context"
	"net/http"
	"time"
	_ "time/tzdata" // devices name their time zone; the server may have none installed

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP is the module's REST face.
type HTTP struct{ service *Service }

// NewHTTP makes an HTTP.
func NewHTTP(service *Service) *HTTP { return &HTTP{service: service} }

// Routes plugs the module's routes in.
func (h *HTTP) Routes() httpserver.Routes {
	return httpserver.Routes{Module: "notifications", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/notifications", Name: "list-notifications",
			Summary: "What happened to me, newest first"}, h.list)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/notifications/unread-count", Name: "count-unread-notifications",
			Summary: "How many notifications I have not read"}, h.unreadCount)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/notifications/read", Name: "read-notifications",
			Summary: "Mark everything up to one notification as read", Status: http.StatusNoContent}, h.read)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/notification-settings", Name: "get-notification-settings",
			Summary: "How each type of notification reaches me"}, h.settings)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/me/notification-settings", Name: "change-notification-settings",
			Summary: "Change how some types of notification reach me"}, h.changeSettings)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/me/devices/{installation_id}", Name: "put-device",
			Summary: "Receive pushes on this installation", Status: http.StatusNoContent}, h.putDevice)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/me/devices/{installation_id}", Name: "delete-device",
			Summary: "Receive no more pushes on this installation", Status: http.StatusNoContent}, h.deleteDevice)
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

type subjectResponse struct {
	Type string    `json:"type" example:"post"`
	ID   uuid.UUID `json:"id"`
}

func toResponse(n Notification, actors map[uuid.UUID]users.Ref) notificationResponse {
	response := notificationResponse{
		ID: n.ID, Type: n.Type, Actors: []users.Ref{}, Subject: subjectResponse{Type: n.SubjectType, ID: n.SubjectID},
		Count: 1, Text: text(n, actors[n.ActorID]), Read: n.ReadAt != nil, CreatedAt: n.CreatedAt.UTC(),
	}
	if actor, ok := actors[n.ActorID]; ok {
		response.Actors = append(response.Actors, actor)
	}
	return response
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[notificationResponse]], error) {
	list, err := h.service.List(ctx, identity.From(ctx).UserID, *in)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

type countResponse struct {
	Count int64 `json:"count"`
}

func (h *HTTP) unreadCount(ctx context.Context, _ *struct{}) (*httpserver.Answer[countResponse], error) {
	n, err := h.service.store.CountUnread(ctx, identity.From(ctx).UserID)
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
	return nil, h.service.store.MarkRead(ctx, identity.From(ctx).UserID, in.Body.UpTo)
}

type settingsResponse struct {
	Types   map[string]Channels `json:"types" doc:"by type of notification"`
	Version int64               `json:"version"`
}

func toSettingsResponse(s Settings) *httpserver.Answer[settingsResponse] {
	all := make(map[string]Channels, len(defaults))
	for kind := range defaults {
		all[kind] = s.ChannelsFor(kind)
	}
	return &httpserver.Answer[settingsResponse]{ETag: etag.Format(s.Version), Body: settingsResponse{Types: all, Version: s.Version}}
}

func (h *HTTP) settings(ctx context.Context, _ *struct{}) (*httpserver.Answer[settingsResponse], error) {
	s, err := h.service.store.Settings(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return toSettingsResponse(s), nil
}

type changeSettingsRequest struct {
	IfMatch string `header:"If-Match" doc:"the version that you edited"`
	Body    struct {
		Types map[string]Channels `json:"types" doc:"the types to change; the others stay"`
	}
}

func (h *HTTP) changeSettings(ctx context.Context, in *changeSettingsRequest) (*httpserver.Answer[settingsResponse], error) {
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := checkTypes(in.Body.Types); err != nil {
		return nil, err
	}
	s, err := h.service.ChangeSettings(ctx, identity.From(ctx).UserID, match, in.Body.Types)
	if err != nil {
		return nil, err
	}
	return toSettingsResponse(s), nil
}

// checkTypes refuses unknown types, and silencing what concerns a person's money and account.
func checkTypes(types map[string]Channels) error {
	wrong := fault.Invalid("notifications.invalid_settings", "Some settings cannot be changed like this.")
	for kind, channels := range types {
		if _, known := defaults[kind]; !known {
			wrong = wrong.At("/body/types/"+kind, "is no type of notification")
		} else if obligatory[kind] && channels != defaults[kind] {
			wrong = wrong.At("/body/types/"+kind, "always reaches you: it is about your money or your account")
		}
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}

type putDeviceRequest struct {
	InstallationID string `path:"installation_id" maxLength:"128"`
	Body           struct {
		Platform string `json:"platform" enum:"ios,android,web"`
		Token    string `json:"token" minLength:"1" maxLength:"4096" doc:"of the push service"`
		Locale   string `json:"locale" minLength:"2" maxLength:"35" doc:"BCP 47" example:"en-GB"`
		Timezone string `json:"timezone" minLength:"1" maxLength:"64" doc:"IANA name" example:"Europe/Berlin"`
	}
}

func (h *HTTP) putDevice(ctx context.Context, in *putDeviceRequest) (*httpserver.Empty, error) {
	if _, err := time.LoadLocation(in.Body.Timezone); err != nil {
		return nil, fault.Invalid("notifications.invalid_device", "The device cannot be registered like this.",
			fault.Field{Pointer: "/body/timezone", Detail: "is no IANA time zone"})
	}
	return nil, h.service.store.PutDevice(ctx, Device{
		InstallationID: in.InstallationID, UserID: identity.From(ctx).UserID, Platform: in.Body.Platform,
		Token: in.Body.Token, Locale: in.Body.Locale, Timezone: in.Body.Timezone,
	})
}

type deleteDeviceRequest struct {
	InstallationID string `path:"installation_id" maxLength:"128"`
}

func (h *HTTP) deleteDevice(ctx context.Context, in *deleteDeviceRequest) (*httpserver.Empty, error) {
	return nil, h.service.store.RemoveDevice(ctx, identity.From(ctx).UserID, in.InstallationID)
}
