package internal

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/provider"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP is the module's part of the API, and the pages by which admins sign in.
type HTTP struct {
	auth     *Service
	verifier *access.Tokens
	keys     *access.Keys
	secure   bool // cookies need TLS
	cookie   string
	cursors  *page.Signer
}

// NewHTTP makes the routes.
func NewHTTP(s *Service, verifier *access.Tokens, keys *access.Keys, cursors *page.Signer) *HTTP {
	return &HTTP{
		auth: s, verifier: verifier, keys: keys, cursors: cursors,
		secure: strings.HasPrefix(s.publicURL, "https://"), cookie: auth.CookieName(s.publicURL),
	}
}

// Routes plugs them in.
func (h *HTTP) Routes() httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: func(r *httpserver.Router) {
		h.registerSignIn(r)
		h.registerRedirect(r)
		h.registerOwn(r)
		h.registerPages(r)
		h.registerKeys(r)
		h.registerAudit(r)
		h.registerNotices(r)
	}}
}

// limit is the class of the rate limit of everything that signs people in.
const limit = "auth"

func (h *HTTP) registerSignIn(r *httpserver.Router) {
	anonymous := func(path, name, summary string) httpserver.Route {
		return httpserver.Route{Method: http.MethodPost, Path: path, Name: name, Summary: summary, Access: httpserver.Anonymous, Limit: limit}
	}
	nonce := anonymous("/auth/nonce", "make-nonce", "A nonce for an ID token")
	nonce.Status = http.StatusCreated
	httpserver.Handle(r, nonce, h.nonce)
	httpserver.Handle(r, anonymous("/auth/google/token", "sign-in-with-google", "Sign in with an ID token of Google"), h.google)
	httpserver.Handle(r, anonymous("/auth/apple/token", "sign-in-with-apple", "Sign in with an ID token of Apple"), h.apple)
	httpserver.Handle(r, anonymous("/auth/token", "redeem-code", "Fetch the session of the redirect flow"), h.redeem)
	httpserver.Handle(r, anonymous("/auth/refresh", "refresh", "The next tokens of a session"), h.refresh)
	httpserver.Handle(r, anonymous("/auth/logout", "logout", "End the session on this device"), h.logout)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/logout-all", Name: "logout-all",
		Summary: "End all sessions"}, h.logoutAll)
}

// Caller knows from where a request comes; embed it in a request that signs somebody in.
type Caller struct{ from origin }

// Resolve is called by huma before the handler.
func (c *Caller) Resolve(ctx huma.Context) []error {
	c.from = originOf(humagin.Unwrap(ctx))
	return nil
}

type nonceResponse struct {
	Nonce     string    `json:"nonce" example:"n0-1x2y3z4w5v6u7t8s9r0q1p2o3n4m5l6k7j8i9h0g1f2" doc:"put it into the request for the ID token, as it is; for Apple also as the hex of its SHA-256"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (h *HTTP) nonce(ctx context.Context, _ *struct{}) (*httpserver.Answer[nonceResponse], error) {
	text, expires, err := h.auth.Nonce(ctx)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(nonceResponse{Nonce: text, ExpiresAt: expires}), nil
}

type deviceBody struct {
	InstallationID string `json:"installation_id,omitempty" maxLength:"200" doc:"stays the same until the app is removed" example:"8f14e45f-ceea-467f-a0e6-1f3b2c4d5e6f"`
	Name           string `json:"name,omitempty" maxLength:"200" example:"Ana's phone"`
	Platform       string `json:"platform,omitempty" maxLength:"50" example:"ios"`
	AppVersion     string `json:"app_version,omitempty" maxLength:"50" example:"2.4.0"`
}

func (d *deviceBody) device() device {
	if d == nil {
		return device{}
	}
	return device(*d)
}

type sessionResponse = httpserver.Answer[Session]

func toSession(s Session, err error) (*sessionResponse, error) {
	if err != nil {
		return nil, err
	}
	return httpserver.OK(s), nil
}

type googleRequest struct {
	Caller
	Body struct {
		IDToken string      `json:"id_token" maxLength:"8192" doc:"with a nonce of POST /v1/auth/nonce" example:"eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJzdWIiOiIxMTAxNjkifQ.c2lnbmF0dXJl"`
		Device  *deviceBody `json:"device,omitempty"`
	}
}

func (h *HTTP) google(ctx context.Context, in *googleRequest) (*sessionResponse, error) {
	return toSession(h.auth.SignIn(ctx, credentials{
		Provider: provider.Google, IDToken: in.Body.IDToken, Device: in.Body.Device.device(), From: in.from,
	}))
}

type appleRequest struct {
	Caller
	Body struct {
		IDToken string      `json:"id_token" maxLength:"8192" doc:"with a nonce of POST /v1/auth/nonce" example:"eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJzdWIiOiIxMTAxNjkifQ.c2lnbmF0dXJl"`
		Code    string      `json:"authorization_code" maxLength:"2048" doc:"what Apple gave the app beside the ID token" example:"c4f2d1e0a9b8.0.rwyv.Xy7"`
		Name    string      `json:"name,omitempty" maxLength:"200" doc:"Apple tells it once, to the app" example:"Ana García"`
		Device  *deviceBody `json:"device,omitempty"`
	}
}

func (h *HTTP) apple(ctx context.Context, in *appleRequest) (*sessionResponse, error) {
	return toSession(h.auth.SignIn(ctx, credentials{
		Provider: provider.Apple, IDToken: in.Body.IDToken, Code: in.Body.Code, Name: in.Body.Name,
		Device: in.Body.Device.device(), From: in.from,
	}))
}

type redeemRequest struct {
	Caller
	Body struct {
		Code         string      `json:"code" maxLength:"200" doc:"what came back to redirect_uri" example:"Zm9vYmFyYmF6cXV4"`
		CodeVerifier string      `json:"code_verifier" maxLength:"200" doc:"what code_challenge was made from" example:"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"`
		Device       *deviceBody `json:"device,omitempty"`
	}
}

func (h *HTTP) redeem(ctx context.Context, in *redeemRequest) (*sessionResponse, error) {
	return toSession(h.auth.Redeem(ctx, in.Body.Code, in.Body.CodeVerifier, in.Body.Device.device(), in.from))
}

type refreshRequest struct {
	Caller
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"4096" doc:"the newest that you have" example:"AZnC8B9Oen-x9J8vah8AAQAAAAAAAAABq3J5"`
	}
}

func (h *HTTP) refresh(ctx context.Context, in *refreshRequest) (*sessionResponse, error) {
	return toSession(h.auth.Refresh(ctx, in.Body.RefreshToken, in.from))
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
		return done(h.auth.Logout(ctx, *in.Body.RefreshToken))
	}
	_, token, _ := strings.Cut(in.Authorization, " ")
	who, err := h.verifier.Authenticate(ctx, token)
	if err != nil {
		return nil, err
	}
	return done(h.auth.End(ctx, who.UserID, who.SessionID, who.SessionID))
}

func (h *HTTP) logoutAll(ctx context.Context, _ *struct{}) (*httpserver.Empty, error) {
	return done(h.auth.LogoutEverywhere(ctx, identity.From(ctx).UserID))
}

// done is the answer without a body.
func done(err error) (*httpserver.Empty, error) {
	if err != nil {
		return nil, err
	}
	return &httpserver.Empty{}, nil
}

func (h *HTTP) registerOwn(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/me/sessions", Name: "list-sessions", Summary: "Where you are signed in"}, h.sessions)
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/me/sessions/{id}", Name: "end-session", Summary: "Sign out there"}, h.endSession)
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/me/identities", Name: "list-identities", Summary: "How you sign in"}, h.identities)
	httpserver.Handle(r, route{Method: http.MethodPost, Path: "/me/identities", Name: "link-identity", Summary: "Add a way to sign in",
		Status: http.StatusCreated, Fresh: true}, h.link)
	httpserver.Handle(r, route{Method: http.MethodDelete, Path: "/me/identities/{id}", Name: "unlink-identity",
		Summary: "Remove a way to sign in; not the last one", Fresh: true}, h.unlink)
}

type sessionItem struct {
	ID         uuid.UUID  `json:"id"`
	Device     deviceItem `json:"device"`
	Provider   string     `json:"provider" example:"google"`
	Place      *string    `json:"place" doc:"null where it is not known" example:"Berlin, Germany"`
	SignedInAt time.Time  `json:"signed_in_at"`
	LastSeenAt time.Time  `json:"last_seen_at"`
	Current    bool       `json:"current"`
}

type deviceItem struct {
	Name       string `json:"name" example:"Ana's phone"`
	Platform   string `json:"platform" example:"ios"`
	AppVersion string `json:"app_version" example:"2.4.0"`
}

func toSessionItem(s session, current uuid.UUID) sessionItem {
	return sessionItem{
		ID: s.ID, Device: deviceItem{Name: s.DeviceName, Platform: s.Platform, AppVersion: s.AppVersion}, Provider: s.Provider,
		Place: orNull(s.Place), SignedInAt: s.SignedInAt, LastSeenAt: s.LastSeenAt, Current: s.ID == current,
	}
}

// orNull is null for what is not known.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (h *HTTP) sessions(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[sessionItem]], error) {
	who := identity.From(ctx)
	living, err := h.auth.Living(ctx, who.UserID)
	if err != nil {
		return nil, err
	}
	var items []sessionItem
	for _, s := range living {
		items = append(items, toSessionItem(s, who.SessionID))
	}
	return whole(*in, items)
}

type idRequest struct {
	ID string `path:"id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
}

func (h *HTTP) endSession(ctx context.Context, in *idRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, auth.ErrSessionNotFound)
	if err != nil {
		return nil, err
	}
	who := identity.From(ctx)
	return done(h.auth.End(ctx, who.UserID, id, who.SessionID))
}

type identityItem struct {
	ID            uuid.UUID `json:"id"`
	Provider      string    `json:"provider" enum:"google,apple"`
	Email         string    `json:"email" example:"ana@example.com"`
	EmailVerified bool      `json:"email_verified"`
	CreatedAt     time.Time `json:"created_at"`
}

func toIdentity(k known) identityItem {
	return identityItem{ID: k.ID, Provider: k.Provider, Email: k.Email, EmailVerified: k.EmailVerified, CreatedAt: k.CreatedAt}
}

func (h *HTTP) identities(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[identityItem]], error) {
	all, err := h.auth.Identities(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	var items []identityItem
	for _, k := range all {
		items = append(items, toIdentity(k))
	}
	return whole(*in, items)
}

func whole[T any](q page.Query, items []T) (*httpserver.Answer[page.List[T]], error) {
	list, err := page.Whole(q, items)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

type linkRequest struct {
	Caller
	Body struct {
		Provider string `json:"provider" enum:"google,apple"`
		IDToken  string `json:"id_token" maxLength:"8192" doc:"with a nonce of POST /v1/auth/nonce" example:"eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJzdWIiOiIxMTAxNjkifQ.c2lnbmF0dXJl"`
		Code     string `json:"authorization_code,omitempty" maxLength:"2048" doc:"Apple's" example:"c4f2d1e0a9b8.0.rwyv.Xy7"`
	}
}

func (h *HTTP) link(ctx context.Context, in *linkRequest) (*httpserver.Answer[identityItem], error) {
	linked, err := h.auth.Link(ctx, identity.From(ctx).UserID, credentials{
		Provider: in.Body.Provider, IDToken: in.Body.IDToken, Code: in.Body.Code, From: in.from,
	})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[identityItem]{Location: "/v1/me/identities/" + linked.ID.String(), Body: toIdentity(linked)}, nil
}

func (h *HTTP) unlink(ctx context.Context, in *idRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, auth.ErrIdentityNotFound)
	if err != nil {
		return nil, err
	}
	return done(h.auth.Unlink(ctx, identity.From(ctx).UserID, id))
}
