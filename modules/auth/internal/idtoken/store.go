package idtoken

import (
	"context"
	"time"

	"atrium/platform/database"
)

type store struct{ db *database.DB }

func (s store) insertNonce(ctx context.Context, n nonce) error {
	return s.db.Conn(ctx).Create(&n).Error
}

// consumeNonce deletes the nonce with one of these hashes and reports whether there was one that had not expired.
func (s store) consumeNonce(ctx context.Context, hashes [][]byte, now time.Time) (bool, error) {
	done := s.db.Conn(ctx).Exec("DELETE FROM nonces WHERE hash = ANY(?) AND expires_at > ?", database.Array(hashes), now)
	return done.RowsAffected == 1, done.Error
}
