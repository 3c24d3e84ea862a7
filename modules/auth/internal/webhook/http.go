package webhook

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/modules/auth"
	"atrium/platform/httpserver"
)

// maxBody is the largest notification that is read, in bytes.
const maxBody = 64 << 10

// HTTP receives notifications.
type HTTP struct{ notifications *Service }

// NewHTTP needs the service.
func NewHTTP(notifications *Service) *HTTP { return &HTTP{notifications: notifications} }

// Routes is the package's route.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	r.Raw(httpserver.Route{
		Method: http.MethodPost, Path: "/webhooks/apple", Name: "receive-apple-notice", Summary: "Receives a notice of Apple about one of its accounts",
		Access: httpserver.Anonymous, Key: httpserver.KeyIgnored, MaxBody: maxBody, Outside: true,
		Docs: func(op *huma.Operation) {
			op.Description = "Where Sign in with Apple sends its server-to-server notifications. A notice that is repeated does nothing; one that is not " +
				"Apple's is 400 auth.invalid_notice."
			op.RequestBody = httpserver.JSONBody(httpserver.ObjectSchema(map[string]*huma.Schema{
				"payload": httpserver.TextSchema("a JWS signed by Apple", "eyJraWQiOiJXNldjT0tC..."),
			}, "payload"))
			op.Responses["200"] = httpserver.JSONAnswer("Heard",
				httpserver.ObjectSchema(map[string]*huma.Schema{"received": {Type: huma.TypeBoolean, Examples: []any{true}}}, "received"))
		},
	}, h.receiveApple)
}

// receiveApple reads leniently: Apple may add fields beside the payload.
func (h *HTTP) receiveApple(c *gin.Context) {
	raw, err := io.ReadAll(c.Request.Body)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	var body struct {
		Payload string `json:"payload"`
	}
	if json.Unmarshal(raw, &body) != nil || body.Payload == "" {
		httpserver.Fail(c, auth.ErrInvalidNotification)
		return
	}
	if err := h.notifications.ReceiveApple(c.Request.Context(), body.Payload); err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"received": true})
}
