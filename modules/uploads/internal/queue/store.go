package queue

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/uploads/internal/upload"
	"atrium/platform/database"
	"atrium/platform/outbox"
)

// Store keeps the queue in the table uploads: who is in processing and has no queued_at, waits.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// admitted is an upload whose turn it is.
type admitted struct {
	ID     uuid.UUID
	Weight Weight
}

func (a admitted) task() outbox.Task {
	if a.Weight == Large {
		return upload.MakeLargeVariants{UploadID: a.ID}
	}
	return upload.MakeVariants{UploadID: a.ID}
}

func (s *Store) weigh(ctx context.Context, id uuid.UUID, w Weight) error {
	return s.db.Conn(ctx).Exec(`UPDATE uploads SET weight = ? WHERE id = ?`, w, id).Error
}

// lock has one transaction at a time decide about an owner, until it ends: the one that ends a picture, and the one that adds another,
// must see each other.
func (s *Store) lock(ctx context.Context, owner uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`SELECT pg_advisory_xact_lock(hashtextextended('uploads.queue ' || ?::text, 0))`, owner).Error
}

// admit takes an owner's next pictures, oldest first, as many as fit beside those in work. A picture that was handed to the workers ten
// minutes ago and has not ended does not keep the others waiting.
func (s *Store) admit(ctx context.Context, owner uuid.UUID) (next []admitted, err error) {
	err = s.db.Conn(ctx).Raw(`
		WITH processing AS (
			SELECT id, weight, weight = cast(@large AS bigint) AS large, queued_at FROM uploads
			WHERE owner_id = @owner AND status = 'processing' AND released_at IS NULL),
		ahead AS (
			SELECT id, queued_at, large, sum(weight) FILTER (WHERE queued_at IS NULL OR queued_at > now() - interval '10 minutes')
				OVER (PARTITION BY large ORDER BY queued_at NULLS LAST, id) AS taken
			FROM processing)
		UPDATE uploads u SET queued_at = now() FROM ahead a
		WHERE u.id = a.id AND a.queued_at IS NULL AND a.taken <= CASE WHEN a.large THEN cast(@large AS bigint) ELSE cast(@heavy AS bigint) END
		RETURNING u.id, u.weight`,
		map[string]any{"owner": owner, "large": Large, "heavy": Heavy}).Scan(&next).Error
	return next, err
}

// waiting returns owners with pictures that wait.
func (s *Store) waiting(ctx context.Context) (owners []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`
		SELECT DISTINCT owner_id FROM uploads WHERE status = 'processing' AND queued_at IS NULL AND released_at IS NULL LIMIT 1000`).
		Scan(&owners).Error
	return owners, err
}
