package access

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/platform/httpserver"
)

// HTTP serves the public keys.
type HTTP struct{ keys *Keys }

// NewHTTP needs the keys to publish.
func NewHTTP(keys *Keys) *HTTP { return &HTTP{keys: keys} }

// Routes is the route of the key set, at its well-known address outside /v1 and documented all the same.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: func(r *httpserver.Router) {
		r.Root(http.MethodGet, "/.well-known/jwks.json", h.jwks)
		key := httpserver.ObjectSchema(map[string]*huma.Schema{
			"kty": httpserver.TextSchema("", "OKP"), "crv": httpserver.TextSchema("", "Ed25519"),
			"alg": httpserver.TextSchema("", "EdDSA"), "use": httpserver.TextSchema("", "sig"),
			"kid": httpserver.TextSchema("the kid in the header of the tokens that it signs", "3f9d2c1b7a6e5d40"),
			"x":   httpserver.TextSchema("the public key, base64url", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
		}, "kty", "crv", "alg", "use", "kid", "x")
		set := httpserver.ObjectSchema(map[string]*huma.Schema{"keys": {Type: huma.TypeArray, Items: key}}, "keys")
		r.API().OpenAPI().AddOperation(&huma.Operation{
			Method: http.MethodGet, Path: "/.well-known/jwks.json", OperationID: "list-keys", Summary: "Lists the keys that access tokens are signed with",
			Description: "A JSON Web Key Set (RFC 7517): keys that sign now, will sign soon, or have signed tokens that are still good.",
			Tags:        []string{"auth"},
			Responses:   map[string]*huma.Response{"200": httpserver.JSONAnswer("OK", set)},
		})
	}}
}

func (h *HTTP) jwks(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=300")
	c.JSON(http.StatusOK, struct {
		Keys []JWK `json:"keys"`
	}{h.keys.Public()})
}
