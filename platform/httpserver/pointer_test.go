package httpserver

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPointerOf(t *testing.T) {
	t.Parallel()
	const body = `{"photos": [{"upload_id": 1}], "types": {"post.liked": {"push": 1}, "post": {"liked": {"mail": 1}}, "a/b": 1}, "x.y": [{"z": 1}]}`
	var value any
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	for location, pointer := range map[string]string{
		"query.limit": "query.limit", "body": "/body", "body.photos[0].upload_id": "/body/photos/0/upload_id",
		"body.types.post.liked": "/body/types/post.liked", "body.types.post.liked.push": "/body/types/post.liked/push",
		"body.types.post.liked.mail": "/body/types/post.liked/mail", "body.types.a/b": "/body/types/a~1b", "body.x.y[0].z": "/body/x.y/0/z",
		"body.absent.name": "/body/absent/name", "body.photos[7].id": "/body/photos/7/id", "body[1].id": "/body/1/id", "body.": "/body/", "body.[": "/body/[", "body..": "/body/.",
	} {
		require.Equal(t, pointer, pointerOf(location, value), location)
	}
	require.Equal(t, "/body/a/0/b", pointerOf("body.a[0].b", nil))
}
