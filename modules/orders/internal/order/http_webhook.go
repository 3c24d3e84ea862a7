package order

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"atrium/platform/httpserver"
)

// maxWebhook is how large an event may be, in bytes.
const maxWebhook = 256 << 10

// webhook takes an event of the provider: the signature first, then the ledger and a job in one transaction, then the answer.
// A database that is down answers 5xx, so that the provider comes again.
func (h *HTTP) webhook(c *gin.Context) {
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	event, err := h.service.provider.Verify(body, c.GetHeader("Stripe-Signature"))
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	if err := h.service.Take(c.Request.Context(), event); err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"received": true})
}
