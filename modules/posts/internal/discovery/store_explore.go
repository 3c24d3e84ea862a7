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

// score is what people did with a post, against its age in hours at the moment @at.
const score = `(1 + like_count + 2 * comment_count + 3 * save_count)
	/ power(greatest(CAST(extract(epoch FROM @at - created_at) AS float8), 0) / 3600 + 2, 1.5)`

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
				SELECT id, author_id, `+score+` AS score FROM posts
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

// findTrends replaces the older posts that compete.
func (s *Store) findTrends(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.db.Conn(ctx).Exec(`DELETE FROM post_trends`).Error; err != nil {
			return err
		}
		return s.db.Conn(ctx).Exec(`
			INSERT INTO post_trends (post_id, score)
			SELECT id, score FROM (
				SELECT id, score, row_number() OVER (PARTITION BY author_id ORDER BY score DESC, id DESC) AS n FROM (
					SELECT id, author_id, `+score+` AS score FROM posts
					WHERE deleted_at IS NULL AND visibility = 'public' AND created_at > CAST(@at AS timestamptz) - make_interval(hours => @age)
						AND like_count + comment_count + save_count > 0
					ORDER BY score DESC, id DESC LIMIT @from) best) nth
			WHERE n <= @each ORDER BY score DESC, id DESC LIMIT @most`,
			map[string]any{"at": time.Now().UTC(), "age": trendsAge, "from": trendsFrom, "each": rankedEach, "most": rankedFrom}).Error
	})
}

// forgetRankings removes orders that were made longer ago.
func (s *Store) forgetRankings(ctx context.Context, ago time.Duration) error {
	return s.db.Conn(ctx).Exec(`
		DELETE FROM post_rankings WHERE at < now() - make_interval(secs => ?)`, ago.Seconds()).Error
}
