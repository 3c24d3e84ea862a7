package tag

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/database"
)

var faults = database.Faults{}

// Store keeps who follows which hashtag, and reads which are used together.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// follow writes that a person follows a tag, unless they follow most already: posts.ErrTooManyTags.
func (s *Store) follow(ctx context.Context, user uuid.UUID, tag string, most int) error {
	done := s.db.Conn(ctx).Exec(`
		INSERT INTO post_tag_follows (user_id, tag)
		SELECT @user, @tag WHERE (SELECT count(*) FROM post_tag_follows WHERE user_id = @user) < @most
		ON CONFLICT DO NOTHING`, map[string]any{"user": user, "tag": tag, "most": most})
	if done.Error != nil || done.RowsAffected > 0 {
		return faults.Translate(done.Error, nil)
	}
	already, err := s.follows(ctx, user, tag)
	if err == nil && !already {
		return posts.ErrTooManyTags
	}
	return err
}

func (s *Store) unfollow(ctx context.Context, user uuid.UUID, tag string) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`DELETE FROM post_tag_follows WHERE user_id = ? AND tag = ?`, user, tag).Error, nil)
}

// follows reports whether a person follows a tag.
func (s *Store) follows(ctx context.Context, user uuid.UUID, tag string) (bool, error) {
	var found bool
	err := s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM post_tag_follows WHERE user_id = ? AND tag = ?)`, user, tag).Scan(&found).Error
	return found, faults.Translate(err, nil)
}

// following returns up to n of the tags that a person follows, after one, the latest first.
func (s *Store) following(ctx context.Context, user uuid.UUID, after Followed, n int) ([]Followed, error) {
	var rows []Followed
	err := s.db.Conn(ctx).Raw(`
		SELECT tag, created_at AS followed_at FROM post_tag_follows
		WHERE user_id = ? AND (created_at, tag) < (?, ?)
		ORDER BY created_at DESC, tag DESC LIMIT ?`, user, after.FollowedAt, after.Tag, n).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}

// neighbour is a tag that an author used together with another, and on how many posts.
type neighbour struct {
	AuthorID uuid.UUID
	Tag      string
	Posts    int
}

// neighbours returns what stands beside the tag on the newest public posts that have it.
func (s *Store) neighbours(ctx context.Context, tag string, newest int) ([]neighbour, error) {
	var rows []neighbour
	err := s.db.Conn(ctx).Raw(`
		WITH tagged AS MATERIALIZED (
			SELECT p.id, p.author_id FROM post_tags t JOIN posts p ON p.id = t.post_id
			WHERE t.tag = @tag AND p.deleted_at IS NULL AND p.visibility = 'public'
			ORDER BY t.post_id DESC LIMIT @newest)
		SELECT g.author_id, o.tag, count(*) AS posts FROM tagged g JOIN post_tags o ON o.post_id = g.id
		WHERE o.tag <> @tag GROUP BY g.author_id, o.tag`, map[string]any{"tag": tag, "newest": newest}).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}
