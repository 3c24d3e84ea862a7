package personaldata

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store removes what a person left. Each call takes one batch and returns the posts that it touched: none at the end.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// posts locks some of the person's posts, deleted ones too.
func (s *Store) posts(ctx context.Context, user uuid.UUID) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`
		SELECT id FROM posts WHERE id IN (
			SELECT id FROM posts WHERE author_id = @user AND deleted_at IS NULL
			UNION ALL SELECT id FROM posts WHERE author_id = @user AND deleted_at IS NOT NULL
			LIMIT 50)
		FOR UPDATE`, map[string]any{"user": user}).Scan(&ids).Error
	return ids, err
}

// photos returns the photos of the posts.
func (s *Store) photos(ctx context.Context, posts []uuid.UUID) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT photo_id FROM post_images WHERE post_id = ANY(?)`, database.Array(posts)).Scan(&ids).Error
	return ids, err
}

// remove removes the posts with everything below them.
func (s *Store) remove(ctx context.Context, posts []uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM posts WHERE id = ANY(?)`, database.Array(posts)).Error
}

// reactions takes some of the person's rows out of post_likes or post_saves, and out of the posts' counters. It returns the posts.
func (s *Store) reactions(ctx context.Context, table, counter string, user uuid.UUID) (posts []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`
		WITH gone AS (
			DELETE FROM `+table+` WHERE user_id = @user AND post_id IN (SELECT post_id FROM `+table+` WHERE user_id = @user LIMIT 500)
			RETURNING post_id)
		UPDATE posts SET `+counter+` = `+counter+` - 1 WHERE id IN (SELECT post_id FROM gone) RETURNING id`,
		map[string]any{"user": user}).Scan(&posts).Error
	return posts, err
}

// drafts removes some of the person's drafts, and returns the photos of each: one row without a photo for a draft without any.
func (s *Store) drafts(ctx context.Context, user uuid.UUID) (photos []*uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`
		WITH gone AS (
			DELETE FROM post_drafts WHERE id IN (SELECT id FROM post_drafts WHERE author_id = ? AND post_id IS NULL LIMIT 50)
			RETURNING said)
		SELECT CAST(photo #>> '{}' AS uuid) FROM gone LEFT JOIN LATERAL jsonb_path_query(said, '$.photos[*].id') AS photo ON true`, user).
		Scan(&photos).Error
	return photos, err
}

// boards removes some of the person's boards with what is on them.
func (s *Store) boards(ctx context.Context, user uuid.UUID) (more bool, err error) {
	done := s.db.Conn(ctx).Exec(`DELETE FROM boards WHERE id IN (SELECT id FROM boards WHERE owner_id = ? LIMIT 50)`, user)
	return done.RowsAffected > 0, done.Error
}

// settings forgets which words the person did not want to read, and how their posts reached their followers.
func (s *Store) settings(ctx context.Context, user uuid.UUID) error {
	for _, table := range []string{"post_comment_filters", "post_pulled_authors"} {
		if err := s.db.Conn(ctx).Exec(`DELETE FROM `+table+` WHERE author_id = ?`, user).Error; err != nil {
			return err
		}
	}
	return nil
}

// tags makes the person follow no hashtag any more.
func (s *Store) tags(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM post_tag_follows WHERE user_id = ?`, user).Error
}

// comments forgets the text of some of the person's comments. The rows keep the places of their replies. It returns the posts.
func (s *Store) comments(ctx context.Context, user uuid.UUID) (posts []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`
		WITH gone AS (
			UPDATE post_comments SET text = '', deleted_at = clock_timestamp()
			WHERE id IN (SELECT id FROM post_comments WHERE author_id = ? AND deleted_at IS NULL LIMIT 500 FOR UPDATE)
			RETURNING post_id)
		UPDATE posts p SET comment_count = comment_count - g.n
		FROM (SELECT post_id, count(*) AS n FROM gone GROUP BY post_id) g WHERE p.id = g.post_id
		RETURNING p.id`, user).Scan(&posts).Error
	return posts, err
}
