package session

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/users"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP refreshes, lists and ends sessions.
type HTTP struct {
	sessions *Service
	verifier *access.Tokens
}

// NewHTTP needs a verifier for logouts, which take an access token or a refresh token.
func NewHTTP(sessions *Service, verifier *access.Tokens) *HTTP {
	return &HTTP{sessions: sessions, verifier: verifier}
}

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/refresh", Name: "refresh-session", Summary: "Returns the next tokens of a session",
		Access: httpserver.Anonymous, Limit: throttle.LimitClass}, h.refresh)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/logout", Name: "end-current-session", Summary: "Ends the session on this device",
		Access: httpserver.Anonymous, Limit: throttle.LimitClass}, h.logout)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/logout-all", Name: "end-all-sessions",
		Summary: "Ends all of the caller's sessions"}, h.logoutAll)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/sessions", Name: "list-sessions", Summary: "Lists the caller's sessions"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/me/sessions/{id}", Name: "end-session", Summary: "Ends one of the caller's sessions"}, h.end)
}

// DeviceBody is what an app says about its device when it signs in.
type DeviceBody struct {
	InstallationID string `json:"installation_id,omitempty" maxLength:"200" doc:"stays the same until the app is removed" example:"8f14e45f-ceea-467f-a0e6-1f3b2c4d5e6f"`
	Name           string `json:"name,omitempty" maxLength:"200" example:"Ana's phone"`
	Platform       string `json:"platform,omitempty" maxLength:"50" example:"ios"`
	AppVersion     string `json:"app_version,omitempty" maxLength:"50" example:"2.4.0"`
}

// SchemaName is its name in the OpenAPI document.
func (DeviceBody) SchemaName() string { return "SignInDevice" }

// Device returns the device; an absent body is an unnamed one.
func (d *DeviceBody) Device() Device {
	if d == nil {
		return Device{}
	}
	return Device{InstallationID: d.InstallationID, Name: d.Name, Platform: d.Platform, AppVersion: d.AppVersion}
}

// TokensResponse answers a sign-in or a refresh.
type TokensResponse struct {
	AccessToken  string   `json:"access_token" doc:"goes into Authorization: Bearer" example:"eyJhbGciOiJFZERTQSIsImtpZCI6IjNmOWQifQ.eyJzdWIiOiIwMTk5In0.c2lnbmF0dXJl"`
	TokenType    string   `json:"token_type" enum:"Bearer"`
	ExpiresIn    int      `json:"expires_in" doc:"seconds" example:"900"`
	RefreshToken string   `json:"refresh_token" doc:"for POST /v1/auth/refresh, once; the answer brings the next" example:"AZnC8B9Oen-x9J8vah8AAQAAAAAAAAABq3J5"`
	User         users.Me `json:"user"`
}

// SchemaName is its name in the OpenAPI document.
func (TokensResponse) SchemaName() string { return "Session" }

// ToResponse answers with a session's tokens, or with the error.
func ToResponse(t Tokens, err error) (*httpserver.Answer[TokensResponse], error) {
	if err != nil {
		return nil, err
	}
	return httpserver.OK(TokensResponse{
		AccessToken: t.Access, TokenType: "Bearer", ExpiresIn: int(t.ExpiresIn.Seconds()), RefreshToken: t.Refresh, User: t.User,
	}), nil
}

type refreshRequest struct {
	throttle.Caller
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"4096" doc:"the newest that you have" example:"AZnC8B9Oen-x9J8vah8AAQAAAAAAAAABq3J5"`
	}
}

func (h *HTTP) refresh(ctx context.Context, in *refreshRequest) (*httpserver.Answer[TokensResponse], error) {
	return ToResponse(h.sessions.Refresh(ctx, in.Body.RefreshToken, in.Origin()))
}

type logoutRequest struct {
	Authorization string `header:"Authorization" doc:"the session to end, where there is no refresh_token"`
	Body          *struct {
		RefreshToken *string `json:"refresh_token,omitempty" maxLength:"4096" example:"AZnC8B9Oen-x9J8vah8AAQAAAAAAAAABq3J5" doc:"an app whose access token has expired logs out by this"`
	}
}

// logout takes whichever token the app still has.
func (h *HTTP) logout(ctx context.Context, in *logoutRequest) (*httpserver.Empty, error) {
	if in.Body != nil && in.Body.RefreshToken != nil {
		return nil, h.sessions.Logout(ctx, *in.Body.RefreshToken)
	}
	_, token, _ := strings.Cut(in.Authorization, " ")
	who, err := h.verifier.Authenticate(ctx, token)
	if err != nil {
		return nil, err
	}
	return nil, h.sessions.End(ctx, who.UserID, who.SessionID, who.SessionID)
}

func (h *HTTP) logoutAll(ctx context.Context, _ *struct{}) (*httpserver.Empty, error) {
	return nil, h.sessions.LogoutAll(ctx, identity.From(ctx).UserID)
}

type sessionResponse struct {
	ID         uuid.UUID      `json:"id"`
	Device     deviceResponse `json:"device"`
	Provider   string         `json:"provider" example:"google"`
	Place      *string        `json:"place" doc:"null where it is not known" example:"Berlin, Germany"`
	SignedInAt time.Time      `json:"signed_in_at"`
	LastSeenAt time.Time      `json:"last_seen_at"`
	Current    bool           `json:"current"`
}

// SchemaName is its name in the OpenAPI document.
func (sessionResponse) SchemaName() string { return "ActiveSession" }

type deviceResponse struct {
	Name       string `json:"name" example:"Ana's phone"`
	Platform   string `json:"platform" example:"ios"`
	AppVersion string `json:"app_version" example:"2.4.0"`
}

// SchemaName is its name in the OpenAPI document.
func (deviceResponse) SchemaName() string { return "SessionDevice" }

func toSessionResponse(s Session, current uuid.UUID) sessionResponse {
	response := sessionResponse{
		ID: s.ID, Device: deviceResponse{Name: s.DeviceName, Platform: s.Platform, AppVersion: s.AppVersion}, Provider: s.Provider,
		SignedInAt: s.SignedInAt, LastSeenAt: s.LastSeenAt, Current: s.ID == current,
	}
	if s.Place != "" {
		response.Place = &s.Place
	}
	return response
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[sessionResponse]], error) {
	who := identity.From(ctx)
	active, err := h.sessions.List(ctx, who.UserID)
	if err != nil {
		return nil, err
	}
	items := make([]sessionResponse, len(active))
	for i, s := range active {
		items[i] = toSessionResponse(s, who.SessionID)
	}
	list, err := page.Whole(*in, items)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

type endRequest struct {
	ID string `path:"id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
}

func (h *HTTP) end(ctx context.Context, in *endRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, auth.ErrSessionNotFound)
	if err != nil {
		return nil, err
	}
	who := identity.From(ctx)
	return nil, h.sessions.End(ctx, who.UserID, id, who.SessionID)
}
