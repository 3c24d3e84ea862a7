package cleanup

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads/internal/upload"
	"atrium/platform/database"
)

// Store finds and removes uploads whose life has ended.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// releaseOrphans releases what nobody uses for as long as orphans says, and returns at most limit of these and of those that were
// released before and are still there. Failed uploads wait as long: until it expires, their signed PUT may bring the object back.
func (s *Store) releaseOrphans(ctx context.Context, orphans time.Duration, limit int) (rows []*upload.Upload, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET released_at = coalesce(released_at, now())
		WHERE id IN (
			SELECT id FROM uploads WHERE released_at < now() - interval '1 minute'
			UNION
			SELECT id FROM uploads WHERE used_at IS NULL AND created_at < now() - make_interval(secs => @orphans)
				AND coalesce(ended_at, created_at) < now() - make_interval(secs => @orphans)
			LIMIT @limit)
		AND (released_at IS NOT NULL OR used_at IS NULL) -- again: a claim may have come first
		RETURNING *`, map[string]any{"orphans": orphans.Seconds(), "limit": limit}).Scan(&rows).Error
	return rows, err
}

// remove deletes the rows of released uploads.
func (s *Store) remove(ctx context.Context, ids []uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM uploads WHERE id = ANY(?) AND released_at IS NOT NULL`, database.Array(ids)).Error
}
