package app

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// contract is what apps in people's hands call: a route that goes away, or moves, breaks them. Parameters stand as {}.
const contract = `
	GET /v1/config
	POST /v1/auth/nonce
	POST /v1/auth/google/token
	POST /v1/auth/apple/token
	POST /v1/auth/token
	POST /v1/auth/refresh
	POST /v1/auth/logout
	POST /v1/auth/logout-all
	GET /v1/me/sessions
	DELETE /v1/me/sessions/{}
	GET,POST /v1/me/identities
	DELETE /v1/me/identities/{}
	GET,PATCH,DELETE /v1/me
	GET,PATCH /v1/me/settings
	POST /v1/me/consents
	POST,GET /v1/me/export
	GET /v1/users/{}
	PUT,DELETE /v1/users/{}/follow
	PUT,DELETE /v1/users/{}/block
	PUT,DELETE /v1/users/{}/mute
	GET /v1/users/{}/followers
	GET /v1/users/{}/following
	GET /v1/users/{}/posts
	GET /v1/users/suggested
	GET /v1/me/blocks
	GET /v1/me/mutes
	GET /v1/me/follow-requests
	PUT,DELETE /v1/me/follow-requests/{}
	POST /v1/uploads
	POST /v1/uploads/{}/complete
	GET /v1/uploads/{}
	POST /v1/posts
	GET,PATCH,DELETE /v1/posts/{}
	POST /v1/posts/{}/restore
	PUT,GET,DELETE /v1/drafts/{}
	POST /v1/drafts/{}/publish
	PUT,DELETE /v1/posts/{}/like
	PUT,DELETE /v1/posts/{}/save
	GET /v1/posts/{}/likes
	GET /v1/me/saves
	POST,GET /v1/posts/{}/comments
	PATCH,DELETE /v1/comments/{}
	GET,POST /v1/boards
	GET,PATCH,DELETE /v1/boards/{}
	PUT,DELETE /v1/boards/{}/items/post/{}
	PUT,DELETE /v1/boards/{}/items/product/{}
	GET /v1/feed
	GET /v1/feed/new-count
	GET /v1/explore
	GET /v1/tags/{}/posts
	GET /v1/search/posts
	GET /v1/posts/{}/similar
	GET /v1/posts/{}/shop
	GET /v1/products
	GET /v1/products/{}
	GET /v1/products/{}/posts
	GET,POST /v1/products/{}/reviews
	GET /v1/categories
	GET /v1/search/suggest
	GET,DELETE /v1/me/recently-viewed
	POST /v1/admin/products
	PATCH,DELETE /v1/admin/products/{}
	POST /v1/admin/products/{}/variants
	PATCH /v1/admin/variants/{}
	POST /v1/admin/variants/{}/stock
	POST /v1/admin/products/import
	GET,DELETE /v1/admin/imports/{}
	GET /v1/admin/products/export
	GET /v1/cart
	PUT,DELETE /v1/cart/items/{}
	POST /v1/cart/items/bulk
	POST /v1/cart/quote
	GET,POST /v1/me/addresses
	PATCH,DELETE /v1/me/addresses/{}
	POST /v1/checkout
	POST /v1/orders/{}/payment
	GET /v1/orders
	GET /v1/orders/{}
	POST /v1/orders/{}/cancel
	POST /v1/orders/{}/returns
	POST /v1/webhooks/stripe
	GET /v1/admin/orders
	POST /v1/admin/orders/{}/ship
	POST /v1/admin/orders/{}/deliver
	POST /v1/admin/orders/{}/refund
	GET,POST /v1/admin/coupons
	PATCH /v1/admin/coupons/{}
	GET /v1/notifications
	GET /v1/notifications/unread-count
	POST /v1/notifications/read
	GET,PATCH /v1/me/notification-settings
	PUT,DELETE /v1/me/devices/{}
	POST /v1/admin/users/{}/suspend
	POST /v1/admin/users/{}/reinstate
	PUT /v1/admin/users/{}/roles
`

// parameters are the names of path parameters, which clients do not see.
var parameters = regexp.MustCompile(`\{[^}]*\}`)

// Every route that clients may rely on is in the document, and so in the router that it is made from.
func TestContract_EveryRouteIsThere(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	require.Zero(t, Main([]string{"openapi"}, nil, &out, &errOut), errOut.String())
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &document))
	served := map[string]bool{}
	for path, operations := range document.Paths {
		for method := range operations {
			served[strings.ToUpper(method)+" "+parameters.ReplaceAllString(path, "{}")] = true
		}
	}
	var missing []string
	for line := range strings.Lines(strings.TrimSpace(contract)) {
		methods, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		for method := range strings.SplitSeq(methods, ",") {
			if !served[method+" "+path] {
				missing = append(missing, method+" "+path)
			}
		}
	}
	require.Empty(t, missing, "clients rely on these")
}
