package visibility_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"atrium/modules/posts/internal/moduletest"
	"atrium/platform/database"
)

type object = moduletest.Object

type bundle struct{ *moduletest.Bundle }

func setup(t *testing.T) *bundle { return &bundle{moduletest.New(t)} }

func setupOn(t *testing.T, db *database.DB, rdb ...redis.UniversalClient) *bundle {
	return &bundle{moduletest.NewOn(t, db, rdb...)}
}
