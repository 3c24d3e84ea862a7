package signin

import (
	"context"
	"net/http"

	"atrium/modules/auth/internal/idtoken"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/throttle"
	"atrium/platform/httpserver"
)

// HTTP signs people in.
type HTTP struct{ signIn *Service }

// NewHTTP needs the service.
func NewHTTP(signIn *Service) *HTTP { return &HTTP{signIn: signIn} }

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/google/token", Name: "sign-in-with-google",
		Summary: "Signs in with an ID token of Google", Access: httpserver.Anonymous, Limit: throttle.LimitClass, Outside: true}, h.google)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/apple/token", Name: "sign-in-with-apple",
		Summary: "Signs in with an ID token of Apple", Access: httpserver.Anonymous, Limit: throttle.LimitClass, Outside: true}, h.apple)
}

type googleRequest struct {
	throttle.Caller
	Body struct {
		IDToken string              `json:"id_token" maxLength:"8192" doc:"with a nonce of POST /v1/auth/nonce" example:"eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJzdWIiOiIxMTAxNjkifQ.c2lnbmF0dXJl"`
		Device  *session.DeviceBody `json:"device,omitempty"`
	}
}

func (h *HTTP) google(ctx context.Context, in *googleRequest) (*httpserver.Answer[session.TokensResponse], error) {
	credentials := idtoken.Credentials{Provider: provider.Google, IDToken: in.Body.IDToken}
	return session.ToResponse(h.signIn.SignIn(ctx, credentials, in.Body.Device.Device(), in.Origin()))
}

type appleRequest struct {
	throttle.Caller
	Body struct {
		IDToken string              `json:"id_token" maxLength:"8192" doc:"with a nonce of POST /v1/auth/nonce" example:"eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJzdWIiOiIxMTAxNjkifQ.c2lnbmF0dXJl"`
		Code    string              `json:"authorization_code" maxLength:"2048" doc:"what Apple gave the app beside the ID token" example:"c4f2d1e0a9b8.0.rwyv.Xy7"`
		Name    string              `json:"name,omitempty" maxLength:"200" doc:"Apple tells it once, to the app" example:"Ana García"`
		Device  *session.DeviceBody `json:"device,omitempty"`
	}
}

func (h *HTTP) apple(ctx context.Context, in *appleRequest) (*httpserver.Answer[session.TokensResponse], error) {
	credentials := idtoken.Credentials{Provider: provider.Apple, IDToken: in.Body.IDToken, Code: in.Body.Code, Name: in.Body.Name}
	return session.ToResponse(h.signIn.SignIn(ctx, credentials, in.Body.Device.Device(), in.Origin()))
}
