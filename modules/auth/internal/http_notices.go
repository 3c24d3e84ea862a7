package internal

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/modules/auth"
	"atrium/platform/httpserver"
)

// maxNotice is how large a notice may be, in bytes.
const maxNotice = 64 << 10

func (h *HTTP) registerNotices(r *httpserver.Router) {
	r.Raw(httpserver.Route{
		Method: http.MethodPost, Path: "/webhooks/apple", Name: "apple-notice", Summary: "Take a notice of Apple about one of its accounts",
		Access: httpserver.Anonymous, Key: httpserver.KeyIgnored, MaxBody: maxNotice,
		Docs: func(op *huma.Operation) {
			op.Description = "Where Sign in with Apple sends its server-to-server notifications. A notice that is repeated does nothing; one that is not " +
				"Apple's is 400 auth.invalid_notice."
			op.RequestBody = jsonBody(object(map[string]*huma.Schema{
				"payload": text("a JWS signed by Apple", "eyJraWQiOiJXNldjT0tC..."),
			}, "payload"))
			op.Responses["200"] = jsonAnswer("Heard", object(map[string]*huma.Schema{"received": {Type: huma.TypeBoolean, Examples: []any{true}}}, "received"))
		},
	}, h.notice)
}

// notice reads leniently: the payload is what counts, and what Apple may add beside it is not ours to refuse.
func (h *HTTP) notice(c *gin.Context) {
	raw, err := io.ReadAll(c.Request.Body)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	var body struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(raw, &body) != nil || body.Payload == "" {
		httpserver.Fail(c, auth.ErrInvalidNotice)
		return
	}
	if err := h.auth.HearApple(c.Request.Context(), body.Payload); err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"received": true})
}
