package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/idtoken"
	"atrium/modules/auth/internal/throttle"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP lists, links and unlinks a person's identities.
type HTTP struct{ identities *Service }

// NewHTTP needs the service.
func NewHTTP(identities *Service) *HTTP { return &HTTP{identities: identities} }

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/identities", Name: "list-identities", Summary: "Lists the caller's ways to sign in"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/me/identities", Name: "link-identity", Outside: true, Summary: "Links another way to sign in",
		Status: http.StatusCreated, Fresh: true}, h.link)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/me/identities/{id}", Name: "unlink-identity",
		Summary: "Unlinks a way to sign in; the last one stays", Fresh: true}, h.unlink)
}

type identityResponse struct {
	ID            uuid.UUID `json:"id"`
	Provider      string    `json:"provider" enum:"google,apple"`
	Email         string    `json:"email" example:"ana@example.com"`
	EmailVerified bool      `json:"email_verified"`
	CreatedAt     time.Time `json:"created_at"`
}

// SchemaName is its name in the OpenAPI document.
func (identityResponse) SchemaName() string { return "Identity" }

func toResponse(i Identity) identityResponse {
	return identityResponse{ID: i.ID, Provider: i.Provider, Email: i.Email, EmailVerified: i.EmailVerified, CreatedAt: i.CreatedAt}
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[identityResponse]], error) {
	all, err := h.identities.List(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	items := make([]identityResponse, len(all))
	for i, one := range all {
		items[i] = toResponse(one)
	}
	list, err := page.Whole(*in, items)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

type linkRequest struct {
	throttle.Caller
	Body struct {
		Provider string `json:"provider" enum:"google,apple"`
		IDToken  string `json:"id_token" maxLength:"8192" doc:"with a nonce of POST /v1/auth/nonce" example:"eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJzdWIiOiIxMTAxNjkifQ.c2lnbmF0dXJl"`
		Code     string `json:"authorization_code,omitempty" maxLength:"2048" doc:"Apple's" example:"c4f2d1e0a9b8.0.rwyv.Xy7"`
	}
}

func (h *HTTP) link(ctx context.Context, in *linkRequest) (*httpserver.Answer[identityResponse], error) {
	linked, err := h.identities.Link(ctx, identity.From(ctx).UserID, idtoken.Credentials{
		Provider: in.Body.Provider, IDToken: in.Body.IDToken, Code: in.Body.Code,
	}, in.Origin())
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[identityResponse]{Location: "/v1/me/identities/" + linked.ID.String(), Body: toResponse(linked)}, nil
}

type unlinkRequest struct {
	ID string `path:"id" example:"0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"`
}

func (h *HTTP) unlink(ctx context.Context, in *unlinkRequest) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, auth.ErrIdentityNotFound)
	if err != nil {
		return nil, err
	}
	return nil, h.identities.Unlink(ctx, identity.From(ctx).UserID, id)
}
