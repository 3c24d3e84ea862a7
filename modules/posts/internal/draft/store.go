package draft

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/post"
	"atrium/platform/database"
)

// Store keeps drafts.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Lock returns the author's draft, locked until the transaction ends; one that is new has version 0. Somebody else's is
// posts.ErrDraftNotFound.
func (s *Store) Lock(ctx context.Context, author, id uuid.UUID) (Draft, error) {
	err := s.db.Conn(ctx).Exec(`
		INSERT INTO post_drafts (id, author_id, said) VALUES (?, ?, '{}') ON CONFLICT DO NOTHING`, id, author).Error
	if err != nil {
		return Draft{}, err
	}
	return s.Held(ctx, author, id)
}

// Find returns the author's draft, a published one too, or posts.ErrDraftNotFound.
func (s *Store) Find(ctx context.Context, author, id uuid.UUID) (Draft, error) {
	var d Draft
	err := database.AtLeastOne(s.db.Conn(ctx).Raw(`SELECT * FROM post_drafts WHERE id = ? AND author_id = ?`, id, author).Scan(&d), posts.ErrDraftNotFound)
	return d, err
}

// Count returns how many drafts the author has, without published ones.
func (s *Store) Count(ctx context.Context, author uuid.UUID) (n int, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT count(*) FROM post_drafts WHERE author_id = ? AND post_id IS NULL`, author).Scan(&n).Error
	return n, err
}

// Save writes what a locked draft says now, as its next version.
func (s *Store) Save(ctx context.Context, id uuid.UUID, said post.Draft) error {
	raw, err := json.Marshal(said)
	if err != nil {
		return err
	}
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`
		UPDATE post_drafts SET said = CAST(? AS jsonb), version = version + 1, problem = NULL, updated_at = clock_timestamp()
		WHERE id = ?`, string(raw), id), posts.ErrDraftNotFound)
}

// Newest returns the author's drafts after a spot, the one saved last first.
func (s *Store) Newest(ctx context.Context, author uuid.UUID, after spot, n int) ([]Draft, error) {
	var rows []Draft
	err := s.db.Conn(ctx).Raw(`
		SELECT * FROM post_drafts WHERE author_id = ? AND post_id IS NULL AND (updated_at, id) < (?, ?)
		ORDER BY updated_at DESC, id DESC LIMIT ?`, author, after.At, after.ID, n).Scan(&rows).Error
	return rows, err
}

// Plan sets when the author's unpublished draft is published; nil: not at all.
func (s *Store) Plan(ctx context.Context, author, id uuid.UUID, at *time.Time) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`
		UPDATE post_drafts SET publish_at = ?, problem = NULL WHERE id = ? AND author_id = ? AND post_id IS NULL`, at, id, author), posts.ErrDraftNotFound)
}

// Held is Find with the draft locked until the transaction ends.
func (s *Store) Held(ctx context.Context, author, id uuid.UUID) (Draft, error) {
	var d Draft
	err := database.AtLeastOne(s.db.Conn(ctx).Raw(`SELECT * FROM post_drafts WHERE id = ? AND author_id = ? FOR UPDATE`, id, author).Scan(&d), posts.ErrDraftNotFound)
	return d, err
}

// Give makes a held draft the given post's.
func (s *Store) Give(ctx context.Context, id, post uuid.UUID) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`
		UPDATE post_drafts SET post_id = ?, said = '{}', publish_at = NULL, problem = NULL WHERE id = ? AND post_id IS NULL`, post, id), posts.ErrDraftNotFound)
}

// Fail notes why the draft was not published when it was planned, if it still is planned for then.
func (s *Store) Fail(ctx context.Context, id uuid.UUID, at time.Time, problem string) error {
	return s.db.Conn(ctx).Exec(`
		UPDATE post_drafts SET publish_at = NULL, problem = ? WHERE id = ? AND post_id IS NULL AND publish_at = ?`, problem, id, at).Error
}

// Remove deletes the author's unpublished draft, and returns what it was.
func (s *Store) Remove(ctx context.Context, author, id uuid.UUID) (Draft, error) {
	var d Draft
	err := database.AtLeastOne(s.db.Conn(ctx).Raw(`
		DELETE FROM post_drafts WHERE id = ? AND author_id = ? AND post_id IS NULL RETURNING *`, id, author).Scan(&d), posts.ErrDraftNotFound)
	return d, err
}
