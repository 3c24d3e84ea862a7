package webhook

import (
	"context"
	"time"

	"atrium/platform/database"
)

type store struct{ db *database.DB }

// insertNotification reports false where the notification was received before.
func (s store) insertNotification(ctx context.Context, provider, id string, now time.Time) (bool, error) {
	done := s.db.Conn(ctx).Exec("INSERT INTO provider_notices (provider, notice, heard_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", provider, id, now)
	return done.RowsAffected == 1, done.Error
}
