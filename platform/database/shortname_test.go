package database

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShortName(t *testing.T) {
	t.Parallel()
	for function, want := range map[string]string{
		"atrium/modules/posts/internal/comment.(*Store).Insert":           "comment.Store.Insert",
		"atrium/modules/posts/internal/comment.(*Service).Create.func1.2": "comment.Service.Create",
		"atrium/modules/posts/internal/post.New.(*Store).Insert.func3":    "post.Store.Insert",
		"atrium/modules/users/internal.store.insert":                      "users.store.insert",
		"atrium/platform/outbox.claim":                                    "outbox.claim",
		"atrium/platform/takeout.each[...].func1":                         "takeout.each",
		"atrium/modules/orders/internal/order.(*Store).Each-range1":       "order.Store.Each",
		"atrium/modules/orders/internal/order.(*Service).Run.gowrap2":     "order.Service.Run",
		"atrium/modules/orders/internal/order.(*Service).sweep-fm":        "order.Service.sweep",
		"main.main": "main.main",
	} {
		require.Equal(t, want, shortName(function), function)
	}
}
