package throttle

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"atrium/platform/httpserver"
)

// LimitClass is the class of the rate limit of every route that signs people in.
const LimitClass = "auth"

// Origin is where a request comes from, as the edge knows it.
type Origin struct {
	Address string // the client's address, an IPv6 one cut to its /64
	Place   string // city and country; empty where not known
}

// OriginOf returns where a raw request comes from.
func OriginOf(c *gin.Context) Origin {
	return Origin{Address: httpserver.Address(c), Place: httpserver.Place(c)}
}

// Caller, embedded in a request, tells its handler where it comes from.
type Caller struct{ origin Origin }

// Resolve is called by huma before the handler.
func (c *Caller) Resolve(ctx huma.Context) []error {
	c.origin = OriginOf(humagin.Unwrap(ctx))
	return nil
}

// Origin returns where the request comes from.
func (c *Caller) Origin() Origin { return c.origin }
