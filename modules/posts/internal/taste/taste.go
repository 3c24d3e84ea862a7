// Package taste tells whose rooms look like those that a person likes.
package taste

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store implements posts.Tastes.
type Store struct{ db *database.DB }

// NewStore makes a Store.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

var faults = database.Faults{}

// Alike implements posts.Tastes. It looks at the newest 100 posts that the person liked, saved and posted each, takes from them
// the three styles and, with the hashtags they follow, the five hashtags that come up most, and at the newest 300 public posts of each.
func (s *Store) Alike(ctx context.Context, person uuid.UUID, n int) (map[uuid.UUID]int64, error) {
	var rows []struct {
		AuthorID uuid.UUID
		Posts    int64
	}
	err := s.db.Conn(ctx).Raw(`
		WITH seen AS (
			(SELECT post_id FROM post_likes WHERE user_id = @person ORDER BY post_id DESC LIMIT 100)
			UNION (SELECT post_id FROM post_saves WHERE user_id = @person ORDER BY post_id DESC LIMIT 100)
			UNION (SELECT id FROM posts WHERE author_id = @person AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 100)),
		styles AS (
			SELECT p.style FROM seen JOIN posts p ON p.id = seen.post_id
			WHERE p.style IS NOT NULL GROUP BY p.style ORDER BY count(*) DESC, p.style LIMIT 3),
		tags AS (
			SELECT tag FROM (
				SELECT t.tag FROM seen JOIN post_tags t ON t.post_id = seen.post_id
				UNION ALL SELECT tag FROM post_tag_follows WHERE user_id = @person) t
			GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 5),
		alike AS (
			SELECT p.id FROM styles CROSS JOIN LATERAL (
				SELECT id FROM posts WHERE style = styles.style AND deleted_at IS NULL AND visibility = 'public'
				ORDER BY created_at DESC, id DESC LIMIT 300) p
			UNION
			SELECT t.post_id FROM tags CROSS JOIN LATERAL (
				SELECT post_id FROM post_tags WHERE tag = tags.tag ORDER BY post_id DESC LIMIT 300) t)
		SELECT p.author_id, count(*) AS posts FROM alike JOIN posts p ON p.id = alike.id
		WHERE p.deleted_at IS NULL AND p.visibility = 'public' AND p.author_id <> @person
		GROUP BY p.author_id ORDER BY count(*) DESC, p.author_id LIMIT @n`,
		map[string]any{"person": person, "n": n}).Scan(&rows).Error
	authors := make(map[uuid.UUID]int64, len(rows))
	for _, row := range rows {
		authors[row.AuthorID] = row.Posts
	}
	return authors, faults.Translate(err, nil)
}
