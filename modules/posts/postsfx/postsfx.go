// Package postsfx plugs the posts module into the application.
package postsfx

import (
	"go.uber.org/fx"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/audience"
	"atrium/modules/posts/internal/board"
	"atrium/modules/posts/internal/card"
	"atrium/modules/posts/internal/comment"
	"atrium/modules/posts/internal/discover"
	"atrium/modules/posts/internal/draft"
	"atrium/modules/posts/internal/erasure"
	"atrium/modules/posts/internal/feed"
	"atrium/modules/posts/internal/palette"
	"atrium/modules/posts/internal/post"
	"atrium/modules/posts/internal/react"
	"atrium/modules/posts/internal/shop"
	"atrium/modules/posts/internal/similar"
	"atrium/modules/posts/internal/tag"
	"atrium/modules/posts/internal/takeout"
	"atrium/modules/posts/internal/taste"
	"atrium/modules/posts/internal/view"
	"atrium/modules/posts/internal/wish"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
)

// Module is posts switched on.
var Module = fx.Module("posts",
	plug.Private(
		card.NewStore, card.NewSight, card.NewTimelines, card.NewDeck, card.NewLister,
		post.NewStore, post.NewService, post.NewHTTP,
		draft.NewStore, draft.NewService, draft.NewHTTP,
		react.NewStore, react.NewService, react.NewHTTP,
		comment.NewStore, comment.NewService, comment.NewHTTP,
		board.NewStore, board.NewService, board.NewHTTP,
		feed.NewStore, feed.New, feed.NewHTTP,
		palette.NewStore, palette.NewSearch, palette.NewKeeper,
		discover.NewStore, discover.New, discover.NewHTTP,
		similar.NewStore, similar.NewFinder, similar.NewHTTP,
		tag.NewStore, tag.NewService, tag.NewHTTP,
		shop.NewService, shop.NewHTTP,
		audience.NewStore, audience.NewKeeper,
		erasure.NewStore, erasure.NewEraser,
		taste.NewStore,
		wish.NewStore, wish.NewFinder,
		view.NewStore, view.NewCounter, view.NewHTTP,
	),
	fx.Provide(
		func(d *card.Deck) posts.Reader { return d },
		func(s *taste.Store) posts.Tastes { return s },
		func(f *wish.Finder) posts.Wishes { return f },
	),
	plug.Routes(routes),
	plug.Takeout(takeout.Part),
	plug.Handlers(post.Handlers),
	plug.Handlers(draft.Handlers),
	plug.Handlers(audience.Handlers),
	plug.Handlers(erasure.Handlers),
	plug.Handlers(feed.Handlers),
	plug.Handlers(palette.Handlers),
	plug.Schedules(discover.Schedules),
	plug.Schedules(palette.Schedules),
	plug.Schedules(view.Schedules),
	plug.Bootstrap(func(cfg posts.Config) httpserver.Bootstrap {
		return httpserver.Bootstrap{Members: map[string]any{"rooms": cfg.Rooms, "styles": cfg.Styles}}
	}),
)

// Off is posts switched off: there are none.
var Off = fx.Module("posts", fx.Provide(
	func() posts.Reader { return posts.Absent{} },
	func() posts.Tastes { return posts.Absent{} },
	func() posts.Wishes { return posts.Absent{} },
))

func routes(p *post.HTTP, w *draft.HTTP, r *react.HTTP, c *comment.HTTP, b *board.HTTP, f *feed.HTTP, d *discover.HTTP, m *similar.HTTP, t *tag.HTTP, s *shop.HTTP, v *view.HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "posts", Register: func(router *httpserver.Router) {
		p.Register(router)
		w.Register(router)
		r.Register(router)
		c.Register(router)
		b.Register(router)
		f.Register(router)
		d.Register(router)
		m.Register(router)
		t.Register(router)
		s.Register(router)
		v.Register(router)
	}}
}
