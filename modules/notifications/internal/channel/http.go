package channel

import (
	"context"
	"net/http"

	"atrium/modules/notifications/internal/notification"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP reads and changes a person's settings and devices.
type HTTP struct{ channels *Service }

// NewHTTP needs the service.
func NewHTTP(channels *Service) *HTTP { return &HTTP{channels: channels} }

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "notifications", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/notification-settings", Name: "get-notification-settings",
			Summary: "Returns how each type of notification reaches the caller"}, h.settings)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/me/notification-settings", Name: "edit-notification-settings",
			Summary: "Changes how some types of notification reach the caller"}, h.changeSettings)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/me/devices/{installation_id}", Name: "put-device",
			Summary: "Registers an installation for pushes", Status: http.StatusNoContent}, h.putDevice)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/me/devices/{installation_id}", Name: "delete-device",
			Summary: "Stops pushes to an installation", Status: http.StatusNoContent}, h.deleteDevice)
	}}
}

type channelsBody struct {
	Push bool `json:"push"`
	Mail bool `json:"mail"`
}

// SchemaName is its name in the OpenAPI document.
func (channelsBody) SchemaName() string { return "NotificationChannels" }

type settingsResponse struct {
	Types   map[string]channelsBody `json:"types" doc:"by type of notification"`
	Version int64                   `json:"version"`
}

// SchemaName is its name in the OpenAPI document.
func (settingsResponse) SchemaName() string { return "NotificationSettings" }

func toResponse(s Settings) *httpserver.Answer[settingsResponse] {
	types := map[string]channelsBody{}
	for kind, channels := range s.All() {
		types[string(kind)] = channelsBody(channels)
	}
	return &httpserver.Answer[settingsResponse]{ETag: etag.Format(s.Version), Body: settingsResponse{Types: types, Version: s.Version}}
}

func (h *HTTP) settings(ctx context.Context, _ *struct{}) (*httpserver.Answer[settingsResponse], error) {
	s, err := h.channels.Settings(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return toResponse(s), nil
}

type changeSettingsRequest struct {
	IfMatch string `header:"If-Match" doc:"the version that you edited"`
	Body    struct {
		Types map[string]channelsBody `json:"types" doc:"the types to change; the others stay"`
	}
}

func (h *HTTP) changeSettings(ctx context.Context, in *changeSettingsRequest) (*httpserver.Answer[settingsResponse], error) {
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	types := make(map[notification.Type]Channels, len(in.Body.Types))
	for kind, channels := range in.Body.Types {
		types[notification.Type(kind)] = Channels(channels)
	}
	s, err := h.channels.ChangeSettings(ctx, identity.From(ctx).UserID, match, types)
	if err != nil {
		return nil, err
	}
	return toResponse(s), nil
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
	return nil, h.channels.RegisterDevice(ctx, Device{
		InstallationID: in.InstallationID, UserID: identity.From(ctx).UserID, Platform: in.Body.Platform,
		Token: in.Body.Token, Locale: in.Body.Locale, Timezone: in.Body.Timezone,
	})
}

type deleteDeviceRequest struct {
	InstallationID string `path:"installation_id" maxLength:"128"`
}

func (h *HTTP) deleteDevice(ctx context.Context, in *deleteDeviceRequest) (*httpserver.Empty, error) {
	return nil, h.channels.RemoveDevice(ctx, identity.From(ctx).UserID, in.InstallationID)
}
