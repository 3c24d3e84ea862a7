package feed

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/cache"
	"atrium/platform/database"
)

var faults = database.Faults{}

// Store reads timelines.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// newest returns the newest n posts of the authors after an entry, whoever may see them. Only the n authors whose own newest is among
// the newest can have one of them: of each author one entry of its index range is read, and more of those n alone.
func (s *Store) newest(ctx context.Context, authors []uuid.UUID, after cache.Entry, n int) ([]cache.Entry, error) {
	var entries []cache.Entry
	err := s.db.Conn(ctx).Raw(`
		WITH latest AS MATERIALIZED (
			SELECT a.id AS author_id
			FROM unnest(CAST(@authors AS uuid[])) AS a (id) CROSS JOIN LATERAL (
				SELECT created_at, id FROM posts
				WHERE author_id = a.id AND deleted_at IS NULL AND (created_at, id) < (@at, @id)
				ORDER BY created_at DESC, id DESC LIMIT 1) p
			ORDER BY p.created_at DESC, p.id DESC LIMIT @n)
		SELECT p.created_at AS at, p.id
		FROM latest CROSS JOIN LATERAL (
			SELECT created_at, id FROM posts
			WHERE author_id = latest.author_id AND deleted_at IS NULL AND (created_at, id) < (@at, @id)
			ORDER BY created_at DESC, id DESC LIMIT @n) p
		ORDER BY p.created_at DESC, p.id DESC LIMIT @n`,
		map[string]any{"authors": database.Array(authors), "at": after.At, "id": after.ID, "n": n}).Scan(&entries).Error
	return entries, faults.Translate(err, nil)
}

// newestOf returns the newest n posts of each of the authors, newest first.
func (s *Store) newestOf(ctx context.Context, authors []uuid.UUID, n int) (map[uuid.UUID][]cache.Entry, error) {
	var rows []struct {
		cache.Entry
		AuthorID uuid.UUID
	}
	err := s.db.Conn(ctx).Raw(`
		SELECT a.id AS author_id, p.created_at AS at, p.id
		FROM unnest(CAST(@authors AS uuid[])) AS a (id) CROSS JOIN LATERAL (
			SELECT created_at, id FROM posts WHERE author_id = a.id AND deleted_at IS NULL
			ORDER BY created_at DESC, id DESC LIMIT @n) p
		ORDER BY p.created_at DESC, p.id DESC`,
		map[string]any{"authors": database.Array(authors), "n": n}).Scan(&rows).Error
	lists := make(map[uuid.UUID][]cache.Entry, len(authors))
	for _, author := range authors {
		lists[author] = []cache.Entry{}
	}
	for _, row := range rows {
		lists[row.AuthorID] = append(lists[row.AuthorID], row.Entry)
	}
	return lists, faults.Translate(err, nil)
}

// find returns a post's place, or false where it is gone.
func (s *Store) find(ctx context.Context, post uuid.UUID) (cache.Entry, bool, error) {
	var entries []cache.Entry
	err := s.db.Conn(ctx).Raw(`SELECT created_at AS at, id FROM posts WHERE id = ? AND deleted_at IS NULL`, post).Scan(&entries).Error
	if err != nil || len(entries) == 0 {
		return cache.Entry{}, false, faults.Translate(err, nil)
	}
	return entries[0], true, nil
}

// pulled returns all authors whose posts readers fetch, ascending.
func (s *Store) pulled(ctx context.Context) (database.IDs, error) {
	var all []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT author_id FROM post_pulled_authors ORDER BY author_id`).Scan(&all).Error
	return all, faults.Translate(err, nil)
}

// pull has readers fetch the author's posts from now on.
func (s *Store) pull(ctx context.Context, author uuid.UUID) error {
	err := s.db.Conn(ctx).Exec(`INSERT INTO post_pulled_authors (author_id) VALUES (?) ON CONFLICT DO NOTHING`, author).Error
	return faults.Translate(err, nil)
}
