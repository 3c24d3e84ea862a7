// Package postsfx plugs the posts module into the application.
package postsfx

import (
	"go.uber.org/fx"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/activity"
	"atrium/modules/posts/internal/audience"
	"atrium/modules/posts/internal/board"
	"atrium/modules/posts/internal/comment"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/discovery"
	"atrium/modules/posts/internal/draft"
	"atrium/modules/posts/internal/feed"
	"atrium/modules/posts/internal/interest"
	"atrium/modules/posts/internal/list"
	"atrium/modules/posts/internal/palette"
	"atrium/modules/posts/internal/personaldata"
	"atrium/modules/posts/internal/post"
	"atrium/modules/posts/internal/reaction"
	"atrium/modules/posts/internal/render"
	"atrium/modules/posts/internal/shop"
	"atrium/modules/posts/internal/similar"
	"atrium/modules/posts/internal/tag"
	"atrium/modules/posts/internal/timeline"
	"atrium/modules/posts/internal/viewcount"
	"atrium/modules/posts/internal/viewerstate"
	"atrium/modules/posts/internal/visibility"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
)

// Module is posts switched on.
var Module = fx.Module("posts",
	plug.Private(
		visibility.NewPolicy,
		content.NewStore, content.NewCache, content.NewCounts,
		viewerstate.NewStore, viewerstate.NewCache,
		render.NewRenderer, list.NewPager,
		timeline.NewTimelines, timeline.NewStore, timeline.NewFanOut,
		post.NewStore, post.NewService, post.NewHTTP,
		draft.NewStore, draft.NewService, draft.NewHTTP,
		reaction.NewStore, reaction.NewService, reaction.NewHTTP,
		comment.NewStore, comment.NewService, comment.NewHTTP,
		board.NewStore, board.NewService, board.NewHTTP,
		feed.NewStore, feed.New, feed.NewHTTP,
		palette.NewStore, palette.NewSearch, palette.NewIndexer,
		discovery.NewStore, discovery.NewService, discovery.NewHTTP,
		similar.NewStore, similar.NewFinder, similar.NewHTTP,
		tag.NewStore, tag.NewService, tag.NewHTTP,
		shop.NewService, shop.NewHTTP,
		viewcount.NewStore, viewcount.NewCounter, viewcount.NewHTTP,
		interest.NewStore, interest.NewService,
		activity.NewStore, activity.NewService,
		audience.NewStore, audience.NewUpdater,
		personaldata.NewStore, personaldata.NewEraser,
	),
	fx.Provide(
		func(c *content.Cache) posts.Reader { return c },
		func(c *content.Counts) posts.Counts { return c },
		func(s *interest.Store) posts.Tastes { return s },
		func(s *interest.Service) posts.Wishes { return s },
		func(s *activity.Service) posts.Activity { return s },
	),
	plug.Routes(post.Routes, draft.Routes, reaction.Routes, comment.Routes, board.Routes, feed.Routes, discovery.Routes,
		similar.Routes, tag.Routes, shop.Routes, viewcount.Routes),
	plug.Handlers(post.Handlers, draft.Handlers, audience.Handlers, timeline.Handlers, palette.Handlers, personaldata.Handlers),
	plug.Schedules(post.Schedules, tag.Schedules, discovery.Schedules, palette.Schedules, viewcount.Schedules),
	plug.DataExport(personaldata.Export),
	plug.Bootstrap(func(cfg posts.Config) httpserver.Bootstrap {
		return httpserver.Bootstrap{Members: map[string]any{"rooms": cfg.Rooms, "styles": cfg.Styles}}
	}),
)

// Off is posts switched off: there are none.
var Off = fx.Module("posts", fx.Provide(
	func() posts.Reader { return posts.Absent{} },
	func() posts.Counts { return posts.Absent{} },
	func() posts.Tastes { return posts.Absent{} },
	func() posts.Wishes { return posts.Absent{} },
	func() posts.Activity { return posts.Absent{} },
))
