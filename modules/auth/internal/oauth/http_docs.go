package oauth

import (
	"github.com/danielgtaylor/huma/v2"

	"atrium/platform/httpserver"
)

// exampleRedirect is how the redirect flow ends.
const exampleRedirect = "com.example.atrium:/signed-in?code=Zm9v...&state=af0ifjsldkj"

func authorizeDocs(title, authorize string) func(op *huma.Operation) {
	return func(op *huma.Operation) {
		op.Description = "The server keeps a single-use state and sends the person to " + title + ". In the end the app is called at its redirect_uri " +
			"with a code, and exchanges it at POST /v1/auth/token with the code_verifier that belongs to the challenge (RFC 7636). " +
			"A cookie binds the flow to the browser that began it: open this address in that browser, not from the app."
		op.Parameters = append(op.Parameters,
			httpserver.QueryParam("redirect_uri", "one of the addresses on the server's list, letter for letter", "com.example.atrium:/signed-in", true),
			httpserver.QueryParam("state", "comes back to the app as it is; at most 512 characters", "af0ifjsldkj", false),
			httpserver.QueryParam("code_challenge", "base64url of the SHA-256 of the code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", true),
			httpserver.QueryParam("code_challenge_method", "S256 alone", "S256", true))
		op.Responses["302"] = httpserver.RedirectAnswer("To the provider", authorize)
	}
}

func callbackDocs(op *huma.Operation) {
	op.Description = "The provider calls this, not the app. A state that is unknown, used, too old or another browser's is 400 " +
		"auth.oauth_state_invalid, and nobody is signed in."
	op.Parameters = append(op.Parameters,
		httpserver.QueryParam("state", "the server's own", "dGhlIHNlcnZlcidzIG93bg", true),
		httpserver.QueryParam("code", "the provider's", "4/0AX4XfWh...", false),
		httpserver.QueryParam("error", "why there is no code", "access_denied", false))
	op.Responses["302"] = httpserver.RedirectAnswer("To the app's redirect_uri with code and state, or with error and state", exampleRedirect)
}

func callbackFormDocs(op *huma.Operation) {
	op.Description = "The browser posts Apple's form here, not the app. Apple tells the person's name in it, once."
	op.RequestBody = httpserver.FormBody(httpserver.ObjectSchema(map[string]*huma.Schema{
		"state": httpserver.TextSchema("the server's own", "dGhlIHNlcnZlcidzIG93bg"), "code": httpserver.TextSchema("Apple's", "c4f2..."),
		"user":  httpserver.TextSchema("JSON with the name, only the first time", `{"name":{"firstName":"Ana","lastName":"García"}}`),
		"error": httpserver.TextSchema("why there is no code", "user_cancelled_authorize"),
	}, "state"))
	delete(op.Responses, "302")
	op.Responses["303"] = httpserver.RedirectAnswer("To the app's redirect_uri with code and state, or with error and state", exampleRedirect)
}
