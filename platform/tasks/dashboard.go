package tasks

import (
	"encoding/json"
	"net/http"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"atrium/platform/outbox"
)

// Dashboard is asynq's web page about the queues, to be mounted at root ("/admin/queues"). It guards nothing: that is its
// caller's part. Of payloads it shows ids only. What is archived or deleted there comes back, unless the outbox holds it for
// done or dead; a dead letter is begun anew by `atrium outbox replay` alone.
func Dashboard(rdb redis.UniversalClient, root string) http.Handler {
	return asynqmon.New(asynqmon.Options{
		RootPath:         root,
		RedisConnOpt:     shared{rdb},
		PayloadFormatter: asynqmon.PayloadFormatterFunc(showIDs),
	})
}

// shared lets asynq use a client that is there already.
type shared struct{ client redis.UniversalClient }

// MakeRedisClient is asynq's way to ask for it.
func (s shared) MakeRedisClient() any { return s.client }

func showIDs(_ string, payload []byte) string {
	var e envelope
	if err := json.Unmarshal(payload, &e); err != nil {
		return "unreadable"
	}
	shown, _ := json.Marshal(e.shown()) // cannot fail
	return string(shown)
}

func (e envelope) shown() any {
	if len(e.Batch) == 0 {
		return map[string]any{"outbox_id": e.ID, "name": e.Name, "ids": outbox.IDs(e.Payload)}
	}
	all := make([]any, len(e.Batch))
	for i, one := range e.Batch {
		all[i] = one.shown()
	}
	return all
}
