package main

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"

	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// pageKey holds a page of the feed in Redis: the benchmark puts it there.
const pageKey = "reference.page"

func newRoutes(rdb redis.UniversalClient, db *database.DB) httpserver.Routes {
	return httpserver.Routes{Module: "reference", Register: func(r *httpserver.Router) {
		r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/reference/ceiling", Name: "reference-ceiling",
			Summary: "What a page of the feed costs at least: the same way in, then one GET of as many bytes"}, ceiling(rdb))
		r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/reference/plain", Name: "reference-plain",
			Summary: "The feed as a straightforward GORM query"}, plain(db))
	}}
}

func ceiling(rdb redis.UniversalClient) gin.HandlerFunc {
	return func(c *gin.Context) {
		page, err := rdb.Get(c, pageKey).Bytes()
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		c.Data(http.StatusOK, "application/json", page)
	}
}

func plain(db *database.DB) gin.HandlerFunc {
	return func(c *gin.Context) {
		posts, err := newest(db.Conn(c), identity.From(c).UserID)
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		c.JSON(http.StatusOK, gin.H{"items": posts})
	}
}
