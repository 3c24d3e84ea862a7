package timeline

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/cache"
	"atrium/platform/database"
)

// Store reads authors' newest posts, and keeps which authors are pulled.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

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
	return lists, err
}

// entry returns where a post stands in timelines, or false where it is gone.
func (s *Store) entry(ctx context.Context, post uuid.UUID) (cache.Entry, bool, error) {
	var entries []cache.Entry
	err := s.db.Conn(ctx).Raw(`SELECT created_at AS at, id FROM posts WHERE id = ? AND deleted_at IS NULL`, post).Scan(&entries).Error
	if err != nil || len(entries) == 0 {
		return cache.Entry{}, false, err
	}
	return entries[0], true, nil
}

// pulled returns all authors whose posts readers fetch, ascending.
func (s *Store) pulled(ctx context.Context) (database.IDs, error) {
	var all []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT author_id FROM post_pulled_authors ORDER BY author_id`).Scan(&all).Error
	return all, err
}

// pull has readers fetch the author's posts from now on.
func (s *Store) pull(ctx context.Context, author uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`INSERT INTO post_pulled_authors (author_id) VALUES (?) ON CONFLICT DO NOTHING`, author).Error
}
