package interest

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store reads what people like and keep. It implements posts.Tastes on its own: users asks for that, and whoever may see what is asked
// of users, so Service would make a circle.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// wisher is somebody who keeps the product itself, or rooms that it is pinned in: of those the newest 20.
type wisher struct {
	PersonID uuid.UUID
	Kept     bool
	Rooms    []uuid.UUID `gorm:"serializer:json"`
}

// wishers returns the next n people by their ids.
func (s *Store) wishers(ctx context.Context, product, after uuid.UUID, n int) ([]wisher, error) {
	var rows []wisher
	err := s.db.Conn(ctx).Raw(`
		WITH rooms AS (
			SELECT DISTINCT t.post_id FROM post_product_tags t JOIN posts p ON p.id = t.post_id
			WHERE t.product_id = @product AND p.deleted_at IS NULL),
		wishes AS (
			SELECT b.owner_id AS person_id, NULL::uuid AS room FROM board_items i JOIN boards b ON b.id = i.board_id
			WHERE i.kind = 'product' AND i.item_id = @product
			UNION SELECT s.user_id, s.post_id FROM rooms JOIN post_saves s USING (post_id)
			UNION SELECT b.owner_id, i.post_id FROM rooms JOIN board_items i USING (post_id) JOIN boards b ON b.id = i.board_id)
		SELECT person_id, bool_or(room IS NULL) AS kept,
		       coalesce(array_to_json((array_agg(room ORDER BY room DESC) FILTER (WHERE room IS NOT NULL))[1:20]), '[]') AS rooms
		FROM wishes WHERE person_id > @after GROUP BY person_id ORDER BY person_id LIMIT @n`,
		map[string]any{"product": product, "after": after, "n": n}).Scan(&rows).Error
	return rows, err
}

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
	return authors, err
}
