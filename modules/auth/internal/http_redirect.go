package internal

import (
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/provider"
	"atrium/platform/httpserver"
)

func (h *HTTP) registerRedirect(r *httpserver.Router) {
	for _, p := range []struct{ name, title, authorize string }{
		{provider.Google, "Google", "https://accounts.google.com/o/oauth2/v2/auth?client_id=..."},
		{provider.Apple, "Apple", "https://appleid.apple.com/auth/authorize?client_id=..."},
	} {
		route := func(method, path, name, summary string, docs func(op *huma.Operation)) httpserver.Route {
			return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Access: httpserver.Anonymous, Limit: limit,
				Key: httpserver.KeyIgnored, Status: http.StatusFound, Docs: docs}
		}
		r.Raw(route(http.MethodGet, "/auth/"+p.name, "depart-"+p.name, "Sign in with "+p.title+" in a browser", departDocs(p.title, p.authorize)), h.depart(p.name))
		r.Raw(route(http.MethodGet, "/auth/"+p.name+"/callback", "return-"+p.name, "Where "+p.title+" sends people back", returnDocs), h.comeBack(p.name))
		if p.name == provider.Apple {
			r.Raw(route(http.MethodPost, "/auth/apple/callback", "return-apple-form", "Where Apple sends people back with a form", returnFormDocs), h.comeBack(p.name))
		}
	}
}

// backToApp is where the redirect flow ends.
const backToApp = "com.example.atrium:/signed-in?code=Zm9v...&state=af0ifjsldkj"

func departDocs(title, authorize string) func(op *huma.Operation) {
	return func(op *huma.Operation) {
		op.Description = "The server keeps a single-use state and sends the person to " + title + ". In the end the app is called at its redirect_uri " +
			"with a code, and exchanges it at POST /v1/auth/token with the code_verifier that belongs to the challenge (RFC 7636)."
		op.Parameters = append(op.Parameters,
			query("redirect_uri", "one of the addresses on the server's list, letter for letter", "com.example.atrium:/signed-in", true),
			query("state", "comes back to the app as it is", "af0ifjsldkj", false),
			query("code_challenge", "base64url of the SHA-256 of the code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", true),
			query("code_challenge_method", "S256 alone", "S256", true))
		op.Responses["302"] = redirectAnswer("To the provider", authorize)
	}
}

func returnDocs(op *huma.Operation) {
	op.Description = "The provider calls this, not the app. A state that is unknown, used or too old is 400 auth.oauth_state_invalid, and nobody is signed in."
	op.Parameters = append(op.Parameters,
		query("state", "the server's own", "dGhlIHNlcnZlcidzIG93bg", true),
		query("code", "the provider's", "4/0AX4XfWh...", false),
		query("error", "why there is no code", "access_denied", false))
	op.Responses["302"] = redirectAnswer("To the app's redirect_uri with code and state, or with error and state", backToApp)
}

func returnFormDocs(op *huma.Operation) {
	op.Description = "The browser posts Apple's form here, not the app. Apple tells the person's name in it, once."
	op.RequestBody = formBody(object(map[string]*huma.Schema{
		"state": text("the server's own", "dGhlIHNlcnZlcidzIG93bg"), "code": text("Apple's", "c4f2..."),
		"user":  text("JSON with the name, only the first time", `{"name":{"firstName":"Ana","lastName":"García"}}`),
		"error": text("why there is no code", "user_cancelled_authorize"),
	}, "state"))
	delete(op.Responses, "302")
	op.Responses["303"] = redirectAnswer("To the app's redirect_uri with code and state, or with error and state", backToApp)
}

func (h *HTTP) depart(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		target, err := h.auth.Depart(c.Request.Context(), departure{
			Provider: name, RedirectURI: c.Query("redirect_uri"), State: c.Query("state"),
			Challenge: c.Query("code_challenge"), Method: c.Query("code_challenge_method"),
		})
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		c.Redirect(http.StatusFound, target)
	}
}

// comeBack reads the answer from the query, or from Apple's form.
func (h *HTTP) comeBack(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		target, err := h.auth.Return(c.Request.Context(), name, answerOf(c), originOf(c))
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		status := http.StatusFound
		if c.Request.Method == http.MethodPost {
			status = http.StatusSeeOther // the app must not get the form
		}
		c.Redirect(status, target)
	}
}

// answerOf is the provider's answer. A form that cannot be read has no state, which is refused.
func answerOf(c *gin.Context) url.Values {
	if c.Request.Method == http.MethodPost {
		_ = c.Request.ParseForm()
		return c.Request.PostForm
	}
	return c.Request.URL.Query()
}

// originOf is where a plain request comes from.
func originOf(c *gin.Context) origin {
	return origin{Address: httpserver.Address(c), Place: httpserver.Place(c)}
}

// registerKeys serves the public keys where everybody looks for them, outside /v1, and documents them all the same.
func (h *HTTP) registerKeys(r *httpserver.Router) {
	r.Root(http.MethodGet, "/.well-known/jwks.json", h.jwks)
	key := object(map[string]*huma.Schema{
		"kty": text("", "OKP"), "crv": text("", "Ed25519"), "alg": text("", "EdDSA"), "use": text("", "sig"),
		"kid": text("the kid in the header of the tokens that it signs", "3f9d2c1b7a6e5d40"),
		"x":   text("the public key, base64url", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
	}, "kty", "crv", "alg", "use", "kid", "x")
	r.API().OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: "/.well-known/jwks.json", OperationID: "list-keys", Summary: "The keys that access tokens are signed with",
		Description: "A JSON Web Key Set (RFC 7517): keys that sign now, will sign soon, or have signed tokens that are still good.",
		Tags:        []string{"auth"},
		Responses:   map[string]*huma.Response{"200": jsonAnswer("OK", object(map[string]*huma.Schema{"keys": {Type: huma.TypeArray, Items: key}}, "keys"))},
	})
}

func (h *HTTP) jwks(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=300")
	c.JSON(http.StatusOK, struct {
		Keys []access.JWK `json:"keys"`
	}{h.keys.Public()})
}
