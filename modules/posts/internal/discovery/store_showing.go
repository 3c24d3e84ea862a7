package discovery

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/page"
)

// showingMost is how many posts with a product are shown, those that most people saved.
const showingMost = 5000

// ordered is a post in an order, and when that was made. ID is nil where the order has ended.
type ordered struct {
	At   time.Time
	ID   *uuid.UUID
	Rank int
}

// showing returns posts with a product pinned on them, those that most people besides the author saved first, of equals the youngest id.
// A walk goes on in the order that its first page made, whatever is saved meanwhile; where that was forgotten, in one made anew.
func (s *Store) showing(ctx context.Context, product uuid.UUID, after page.Position, n int) ([]page.Position, error) {
	var rows []ordered
	var err error
	if after.Rank > 0 {
		rows, err = s.showingOn(ctx, product, after, n)
	}
	if err == nil && len(rows) == 0 {
		rows, err = s.showingAnew(ctx, product, after, n)
	}
	positions := make([]page.Position, 0, len(rows))
	for _, row := range rows {
		if row.ID != nil {
			positions = append(positions, page.Position{At: row.At.UTC(), ID: *row.ID, Rank: row.Rank})
		}
	}
	return positions, err
}

// showingOn goes on in the order of a walk's first page: no row where that was forgotten.
func (s *Store) showingOn(ctx context.Context, product uuid.UUID, after page.Position, n int) ([]ordered, error) {
	var rows []ordered
	err := s.db.Conn(ctx).Raw(`
		SELECT o.at, p.id, @rank + p.n AS rank FROM post_product_orders o
		LEFT JOIN LATERAL unnest(o.posts[CAST(@first AS int):CAST(@last AS int)]) WITH ORDINALITY AS p (id, n) ON true
		WHERE o.product_id = @product AND o.at = @at ORDER BY p.n`,
		map[string]any{"product": product, "at": after.At, "rank": after.Rank, "first": after.Rank + 1, "last": after.Rank + n}).Scan(&rows).Error
	return rows, err
}

// showingAnew makes the order of this moment and goes on after a post, or its place. The order is written down where a page comes after
// this one, unless the last one that was written down is the same.
func (s *Store) showingAnew(ctx context.Context, product uuid.UUID, after page.Position, n int) ([]ordered, error) {
	var rows []ordered
	err := s.db.Conn(ctx).Raw(`
		WITH fresh AS MATERIALIZED (
			SELECT array(
				SELECT posts.id FROM posts JOIN (SELECT DISTINCT post_id FROM post_product_tags WHERE product_id = @product) t ON t.post_id = posts.id
				WHERE posts.deleted_at IS NULL
				ORDER BY save_count - (CASE WHEN save_count > 0 AND EXISTS (
					SELECT 1 FROM post_saves s WHERE s.post_id = posts.id AND s.user_id = posts.author_id) THEN 1 ELSE 0 END) DESC, posts.id DESC
				LIMIT @most) AS posts),
		place AS (
			SELECT rank, rank + CAST(@n AS int) AS last FROM (SELECT coalesce(array_position(posts, CAST(@id AS uuid)), @rank) AS rank FROM fresh) p),
		last AS (
			SELECT at, posts FROM post_product_orders WHERE product_id = @product AND at > now() - make_interval(secs => @lasts) ORDER BY at DESC LIMIT 1),
		same AS (SELECT last.at FROM last JOIN fresh ON last.posts = fresh.posts),
		made AS (
			INSERT INTO post_product_orders (product_id, at, posts)
			SELECT CAST(@product AS uuid), clock_timestamp(), posts FROM fresh, place
			WHERE cardinality(posts) >= place.last AND NOT EXISTS (SELECT 1 FROM same)
			ON CONFLICT DO NOTHING RETURNING at)
		SELECT coalesce((SELECT at FROM same), (SELECT at FROM made), 'epoch') AS at, p.id, place.rank + p.n AS rank
		FROM fresh CROSS JOIN place CROSS JOIN LATERAL unnest(fresh.posts[place.rank + 1:place.last]) WITH ORDINALITY AS p (id, n) ORDER BY p.n`,
		map[string]any{"product": product, "id": after.ID, "rank": after.Rank, "n": n, "most": showingMost, "lasts": (rankingKept / 2).Seconds()}).
		Scan(&rows).Error
	return rows, err
}
