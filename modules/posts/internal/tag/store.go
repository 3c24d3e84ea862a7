package tag

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/words"
	"atrium/platform/database"
	"atrium/platform/text"
)

// Store keeps who follows which hashtag, and reads which are used together.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// follow writes that a person follows a tag, unless they follow most already: posts.ErrTooManyTags.
func (s *Store) follow(ctx context.Context, user uuid.UUID, tag text.Tag, most int) error {
	done := s.db.Conn(ctx).Exec(`
		INSERT INTO post_tag_follows (user_id, tag, shown)
		SELECT @user, @tag, @shown WHERE NOT EXISTS (SELECT 1 FROM post_tag_follows WHERE user_id = @user AND tag IN @forms) AND (SELECT count(*) FROM post_tag_follows WHERE user_id = @user) < @most
		ON CONFLICT DO NOTHING`, map[string]any{"user": user, "tag": tag.Key, "shown": tag.Text, "forms": words.TagForms(tag), "most": most})
	if done.Error != nil || done.RowsAffected > 0 {
		return done.Error
	}
	already, err := s.follows(ctx, user, tag)
	if err == nil && !already {
		return posts.ErrTooManyTags
	}
	return err
}

func (s *Store) unfollow(ctx context.Context, user uuid.UUID, tag text.Tag) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM post_tag_follows WHERE user_id = ? AND tag IN ?`, user, words.TagForms(tag)).Error
}

// follows reports whether a person follows a tag.
func (s *Store) follows(ctx context.Context, user uuid.UUID, tag text.Tag) (bool, error) {
	var found bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM post_tag_follows WHERE user_id = ? AND tag IN ?)`, user, words.TagForms(tag)).Scan(&found).Error
	return found, err
}

// following returns up to n of the tags that a person follows, after one, the latest first.
func (s *Store) following(ctx context.Context, user uuid.UUID, after followed, n int) ([]followed, error) {
	var rows []followed
	err := s.db.Conn(ctx).Raw(`
		SELECT tag AS key, coalesce(shown, tag) AS tag, created_at AS followed_at FROM post_tag_follows
		WHERE user_id = ? AND (created_at, tag) < (?, ?)
		ORDER BY created_at DESC, post_tag_follows.tag DESC LIMIT ?`, user, after.FollowedAt, after.Key, n).Scan(&rows).Error
	return rows, err
}

// neighbour is a tag that an author used together with another, and on how many posts.
type neighbour struct {
	AuthorID uuid.UUID
	Tag      string
	Posts    int
}

// neighbours returns what stands beside the tag on the newest public posts that have it.
func (s *Store) neighbours(ctx context.Context, tag text.Tag, newest int) ([]neighbour, error) {
	var rows []neighbour
	err := s.db.Conn(ctx).Raw(`
		WITH tagged AS MATERIALIZED (
			SELECT p.id, p.author_id FROM post_tags t JOIN posts p ON p.id = t.post_id
			WHERE t.tag IN @forms AND p.deleted_at IS NULL AND p.visibility = 'public'
			ORDER BY t.post_id DESC LIMIT @newest)
		SELECT g.author_id, min(coalesce(o.shown, o.tag)) AS tag, count(*) AS posts FROM tagged g JOIN post_tags o ON o.post_id = g.id
		WHERE o.tag NOT IN @forms GROUP BY g.author_id, o.tag`, map[string]any{"forms": words.TagForms(tag), "newest": newest}).Scan(&rows).Error
	return rows, err
}

// follow is a row of post_tag_follows.
type follow struct {
	UserID    uuid.UUID
	Tag       string
	CreatedAt time.Time
}

func (s *Store) unfolded(ctx context.Context, n int) ([]follow, error) {
	var rows []follow
	err := s.db.Conn(ctx).Raw(`SELECT user_id, tag, created_at FROM post_tag_follows WHERE shown IS NULL ORDER BY user_id, tag LIMIT ?
		FOR UPDATE SKIP LOCKED`, n).Scan(&rows).Error
	return rows, err
}

func (s *Store) fold(ctx context.Context, f follow) error {
	err := s.db.Conn(ctx).Exec(`DELETE FROM post_tag_follows WHERE user_id = ? AND tag = ?`, f.UserID, f.Tag).Error
	if tag, ok := text.ParseTag(f.Tag); err == nil && ok {
		err = s.db.Conn(ctx).Exec(`INSERT INTO post_tag_follows (user_id, tag, shown, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			f.UserID, tag.Key, tag.Text, f.CreatedAt).Error
	}
	return err
}
