package viewcount

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/database"
)

// Store keeps how many people opened a post on which day.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

type daily struct {
	PostID  uuid.UUID
	Day     string
	Viewers int64
}

// write keeps the figures of days. They never go down: Redis may have lost some of those whom it counted. Posts that are no more have none.
func (s *Store) write(ctx context.Context, days []daily) error {
	posts, dates, viewers := make([]uuid.UUID, len(days)), make([]string, len(days)), make([]int64, len(days))
	for i, d := range days {
		posts[i], dates[i], viewers[i] = d.PostID, d.Day, d.Viewers
	}
	return s.db.Conn(ctx).Exec(`
		INSERT INTO post_views (post_id, day, viewers)
		SELECT p.id, d.day, d.viewers FROM unnest(?::uuid[], ?::date[], ?::bigint[]) AS d (post_id, day, viewers) JOIN posts p ON p.id = d.post_id
		ORDER BY p.id, d.day
		ON CONFLICT (post_id, day) DO UPDATE SET viewers = greatest(post_views.viewers, excluded.viewers)`,
		database.Array(posts), database.Array(dates), database.Array(viewers)).Error
}

func (s *Store) stats(ctx context.Context, author, post uuid.UUID) (Stats, error) {
	var stats Stats
	err := s.db.Conn(ctx).Raw(`
		SELECT like_count AS likes, comment_count AS comments, save_count AS saves,
		       (SELECT coalesce(sum(viewers), 0) FROM post_views WHERE post_id = p.id) AS views
		FROM posts p WHERE id = ? AND author_id = ? AND deleted_at IS NULL`, post, author).Take(&stats).Error
	return stats, database.OrNotFound(err, posts.ErrNotFound)
}

func (s *Store) days(ctx context.Context, post uuid.UUID, n int) ([]Day, error) {
	days := []Day{}
	err := s.db.Conn(ctx).Raw(`SELECT to_char(day, 'YYYY-MM-DD') AS day, viewers AS views FROM post_views WHERE post_id = ? ORDER BY post_views.day DESC LIMIT ?`,
		post, n).Scan(&days).Error
	return days, err
}
