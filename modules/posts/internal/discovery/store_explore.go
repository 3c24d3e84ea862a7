package discovery

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// The size of a ranking.
const (
	rankedFrom = 2000    // the newest public posts compete, and as many that people did something with
	rankedEach = 5       // of one author
	rankedMost = 500     // are in it
	trendsAge  = 30 * 24 // hours: a post older than this is in no trend
	trendsFrom = 20_000  // the best of them, before each author's share is bounded
)

// The deeds that count for a post, and those of them that its author did: these count for nothing.
const (
	deeds    = `(like_count + 2 * comment_count + 3 * save_count)`
	ownDeeds = `(CASE WHEN like_count > 0 AND EXISTS (SELECT 1 FROM post_likes l WHERE l.post_id = posts.id AND l.user_id = posts.author_id) THEN 1 ELSE 0 END
		+ 2 * CASE WHEN comment_count > 0 THEN (SELECT count(*) FROM post_comments c
			WHERE c.post_id = posts.id AND c.author_id = posts.author_id AND c.deleted_at IS NULL) ELSE 0 END
		+ 3 * CASE WHEN save_count > 0 AND EXISTS (SELECT 1 FROM post_saves s WHERE s.post_id = posts.id AND s.user_id = posts.author_id) THEN 1 ELSE 0 END)`
	othersDeeds = `greatest(` + deeds + ` - ` + ownDeeds + `, 0)`
)

// age is by what a post's deeds are divided, from its age in hours at the moment @at.
const age = `power(greatest(CAST(extract(epoch FROM @at - created_at) AS float8), 0) / 3600 + 2, 1.5)`

// newestPublic returns when the newest public post came; the zero time if there is none.
func (s *Store) newestPublic(ctx context.Context) (time.Time, error) {
	var at []time.Time
	err := s.db.Conn(ctx).Raw(`
		SELECT created_at FROM posts WHERE deleted_at IS NULL AND visibility = 'public'
		ORDER BY created_at DESC, id DESC LIMIT 1`).Scan(&at).Error
	if len(at) == 0 {
		return time.Time{}, err
	}
	return at[0], err
}

// ranking returns the public posts that were there at a moment, the best first. It is made once and kept: who asks again for the
// same moment, here or elsewhere, gets the same order. Of one author each next post counts for less, and only the best few are in it.
func (s *Store) ranking(ctx context.Context, at time.Time) ([]uuid.UUID, error) {
	err := s.db.Conn(ctx).Exec(`
		INSERT INTO post_rankings (at, posts)
		SELECT @at, array(
			WITH competing AS (
				(SELECT id FROM posts WHERE deleted_at IS NULL AND visibility = 'public' AND created_at <= @at
				 ORDER BY created_at DESC, id DESC LIMIT @recent)
				UNION SELECT post_id FROM post_trends
			), scored AS (
				SELECT id, author_id, (1 + `+othersDeeds+`) / `+age+` AS score FROM posts
				WHERE id = ANY (array(SELECT id FROM competing)) AND deleted_at IS NULL AND visibility = 'public' AND created_at <= @at
			), nth AS (
				SELECT id, score, row_number() OVER (PARTITION BY author_id ORDER BY score DESC, id DESC) AS n FROM scored
			)
			SELECT id FROM nth WHERE n <= @each ORDER BY score / n DESC, id DESC LIMIT @most)
		WHERE NOT EXISTS (SELECT 1 FROM post_rankings WHERE at = @at)
		ON CONFLICT (at) DO NOTHING`,
		map[string]any{"at": at, "recent": rankedFrom, "each": rankedEach, "most": rankedMost}).Error
	if err != nil {
		return nil, err
	}
	ids := []uuid.UUID{}
	err = s.db.Conn(ctx).Raw(`
		SELECT p.id FROM post_rankings r CROSS JOIN unnest(r.posts) WITH ORDINALITY AS p (id, n)
		WHERE r.at = ? ORDER BY p.n`, at).Scan(&ids).Error
	return ids, err
}

// findTrends replaces the older posts that compete. What authors did themselves is looked up for the best only: without it none is better.
func (s *Store) findTrends(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.db.Conn(ctx).Exec(`DELETE FROM post_trends`).Error; err != nil {
			return err
		}
		return s.db.Conn(ctx).Exec(`
			WITH best AS MATERIALIZED (
				SELECT id FROM posts
				WHERE deleted_at IS NULL AND visibility = 'public' AND created_at > CAST(@at AS timestamptz) - make_interval(hours => @age)
					AND like_count + comment_count + save_count > 0
				ORDER BY (1 + `+deeds+`) / `+age+` DESC, id DESC LIMIT @from),
			judged AS (
				SELECT id, author_id, `+othersDeeds+` AS deeds, `+age+` AS age FROM posts WHERE id = ANY (array(SELECT id FROM best))),
			nth AS (
				SELECT id, (1 + deeds) / age AS score, row_number() OVER (PARTITION BY author_id ORDER BY (1 + deeds) / age DESC, id DESC) AS n
				FROM judged WHERE deeds > 0)
			INSERT INTO post_trends (post_id, score)
			SELECT id, score FROM nth WHERE n <= @each ORDER BY score DESC, id DESC LIMIT @most`,
			map[string]any{"at": time.Now().UTC(), "age": trendsAge, "from": trendsFrom, "each": rankedEach, "most": rankedFrom}).Error
	})
}

// forgetOrders removes orders that were made longer ago.
func (s *Store) forgetOrders(ctx context.Context, ago time.Duration) error {
	for _, table := range []string{"post_rankings", "post_product_orders"} {
		if err := s.db.Conn(ctx).Exec(`DELETE FROM `+table+` WHERE at < now() - make_interval(secs => ?)`, ago.Seconds()).Error; err != nil {
			return err
		}
	}
	return nil
}
