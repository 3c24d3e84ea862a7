package payment

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"atrium/platform/httpserver"
)

// maxWebhook is how large an event may be, in bytes.
const maxWebhook = 256 << 10

// HTTP takes the provider's events.
type HTTP struct{ payments *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{payments: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	r.Raw(httpserver.Route{
		Method: http.MethodPost, Path: "/webhooks/stripe", Name: "receive-stripe-event", Summary: "Receives an event from Stripe",
		Access: httpserver.Anonymous, Key: httpserver.KeyIgnored, MaxBody: maxWebhook,
	}, h.handleWebhook)
}

// handleWebhook answers once the event is recorded. A database that is down answers 5xx, so that the provider comes again.
func (h *HTTP) handleWebhook(c *gin.Context) {
	body, err := io.ReadAll(c.Request.Body)
	if err == nil {
		err = h.payments.ReceiveEvent(c.Request.Context(), c.Request.Header, body)
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"received": true})
}
