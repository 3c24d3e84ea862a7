package graph

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
)

// store writes relations and reads lists of people.
type store struct{ db *database.DB }

// pair is a follow: who, and whom.
type pair struct {
	FollowerID uuid.UUID
	FolloweeID uuid.UUID
}

func columns(pairs []pair) (followers, followees []uuid.UUID) {
	for _, p := range pairs {
		followers, followees = append(followers, p.FollowerID), append(followees, p.FolloweeID)
	}
	return followers, followees
}

// updateCounters is the end of a statement that inserted or deleted follows ("changed"): the counters of both ends change by exactly
// those rows.
const updateCounters = `,
	moved AS (
		SELECT id, count(*) FILTER (WHERE follows) AS following, count(*) FILTER (WHERE NOT follows) AS followers
		FROM (SELECT follower_id AS id, true AS follows FROM changed UNION ALL SELECT followee_id, false FROM changed) AS ends
		GROUP BY id),
	counted AS (
		UPDATE users u SET following = u.following %[1]s m.following, followers = u.followers %[1]s m.followers
		FROM moved m WHERE u.id = m.id)
	SELECT follower_id, followee_id FROM changed`

var (
	followSQL = `WITH changed AS (
		INSERT INTO user_follows (follower_id, followee_id) SELECT * FROM unnest(?::uuid[], ?::uuid[])
		ON CONFLICT DO NOTHING RETURNING follower_id, followee_id)` + fmt.Sprintf(updateCounters, "+")
	unfollowSQL = `WITH changed AS (
		DELETE FROM user_follows USING unnest(?::uuid[], ?::uuid[]) AS p (a, b)
		WHERE follower_id = p.a AND followee_id = p.b RETURNING follower_id, followee_id)` + fmt.Sprintf(updateCounters, "-")
)

// insertFollows inserts those of the pairs that are not there yet, updates the counters, and returns what it inserted.
func (s store) insertFollows(ctx context.Context, pairs ...pair) ([]pair, error) {
	return s.change(ctx, followSQL, pairs)
}

// deleteFollows deletes those of the pairs that are there, updates the counters, and returns what it deleted.
func (s store) deleteFollows(ctx context.Context, pairs ...pair) ([]pair, error) {
	return s.change(ctx, unfollowSQL, pairs)
}

func (s store) change(ctx context.Context, statement string, pairs []pair) (changed []pair, err error) {
	followers, followees := columns(pairs)
	err = s.db.Conn(ctx).Raw(statement, database.Array(followers), database.Array(followees)).Scan(&changed).Error
	return changed, err
}

// followsOf reads up to limit follows in each direction of a person.
func (s store) followsOf(ctx context.Context, id uuid.UUID, limit int) (found []pair, err error) {
	err = s.db.Conn(ctx).Raw(`(SELECT follower_id, followee_id FROM user_follows WHERE follower_id = ? LIMIT ?)
		UNION (SELECT follower_id, followee_id FROM user_follows WHERE followee_id = ? LIMIT ?)`, id, limit, id, limit).Scan(&found).Error
	return found, err
}

// insert inserts a relation that no counter counts, and reports whether it is new.
func (s store) insert(ctx context.Context, k relation.Kind, owner, member uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Table(k.Table).Clauses(clause.OnConflict{DoNothing: true}).
		Create(map[string]any{k.Owner: owner, k.Member: member})
	return done.RowsAffected == 1, done.Error
}

// delete deletes such a relation, and reports whether it was there.
func (s store) delete(ctx context.Context, k relation.Kind, owner, member uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(fmt.Sprintf("DELETE FROM %s WHERE %s = ? AND %s = ?", k.Table, k.Owner, k.Member), owner, member)
	return done.RowsAffected == 1, done.Error
}

// requesters reads up to limit of those who asked to follow a person, in the order of their ids.
func (s store) requesters(ctx context.Context, followee uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT follower_id FROM follow_requests WHERE followee_id = ? ORDER BY follower_id LIMIT ?`,
		followee, limit).Scan(&ids).Error
	return ids, err
}

// deleteRequests deletes those people's requests to a person, and returns those that were there.
func (s store) deleteRequests(ctx context.Context, followee uuid.UUID, followers []uuid.UUID) (deleted []pair, err error) {
	err = s.db.Conn(ctx).Raw(`DELETE FROM follow_requests WHERE followee_id = ? AND follower_id = ANY(?) RETURNING follower_id, followee_id`,
		followee, database.Array(followers)).Scan(&deleted).Error
	return deleted, err
}

// upsertMute inserts a mute or changes its end; until nil: for good.
func (s store) upsertMute(ctx context.Context, muter, muted uuid.UUID, until *time.Time) error {
	return s.db.Conn(ctx).Exec(`INSERT INTO user_mutes (muter_id, muted_id, expires_at) VALUES (?, ?, ?)
		ON CONFLICT ON CONSTRAINT user_mutes_pkey DO UPDATE SET expires_at = EXCLUDED.expires_at`, muter, muted, until).Error
}

// pruneMutes deletes mutes that have ended.
func (s store) pruneMutes(ctx context.Context) error {
	return s.db.Conn(ctx).Exec("DELETE FROM user_mutes WHERE expires_at <= now()").Error
}

// position is where a list of people goes on: the time of the relation and the person. It is what the cursors of lists seal.
type position struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// member is a person in a list, with the time of the relation.
type member struct {
	Person user.User `gorm:"embedded"`
	Since  time.Time
	Until  *time.Time // nil: for good
}

// list reads the people who stand in a relation to its owner, the newest first, from after on (nil: from the start). Whoever is gone
// is left out, and so is whoever blocks the viewer or, except in the list of blocks, is blocked by them.
func (s store) list(ctx context.Context, k relation.Kind, owner, viewer uuid.UUID, after *position, limit int) (rows []member, err error) {
	columns := "u.*, e.created_at AS since"
	if k.Expires {
		columns += ", e.expires_at AS until"
	}
	query := s.db.Conn(ctx).Table("users u").Select(columns).
		Joins(fmt.Sprintf("JOIN %s e ON e.%s = u.id", k.Table, k.Member)).
		Where(fmt.Sprintf("e.%s = ? AND NOT u.gone", k.Owner), owner)
	if k.Expires {
		query = query.Where("(e.expires_at IS NULL OR e.expires_at > now())")
	}
	query = query.Where(`NOT EXISTS (SELECT 1 FROM user_blocks b WHERE b.blocker_id = u.id AND b.blocked_id = ?)`, viewer)
	if k != relation.Blocks {
		query = query.Where(`NOT EXISTS (SELECT 1 FROM user_blocks b WHERE b.blocker_id = ? AND b.blocked_id = u.id)`, viewer)
	}
	if after != nil {
		query = query.Where(fmt.Sprintf("(e.created_at, e.%s) < (?, ?)", k.Member), after.At, after.ID)
	}
	err = query.Order(fmt.Sprintf("e.created_at DESC, e.%s DESC", k.Member)).Limit(limit).Scan(&rows).Error
	return rows, err
}

// suggested is somebody the viewer may like to follow.
type suggested struct {
	Person  user.User `gorm:"embedded"`
	Mutuals int64
	Alike   int64
}

// suggest finds people followed by those whom the viewer followed last, and those of their taste, as far as they are public; where
// they are few, popular people fill up.
func (s store) suggest(ctx context.Context, viewer uuid.UUID, taste map[uuid.UUID]int64, limit int) (rows []suggested, err error) {
	alike, posts := make([]uuid.UUID, 0, len(taste)), make([]int64, 0, len(taste))
	for id, n := range taste {
		alike, posts = append(alike, id), append(posts, n)
	}
	err = s.db.Conn(ctx).Raw(`
		WITH mine AS (
			SELECT followee_id FROM user_follows WHERE follower_id = @viewer ORDER BY created_at DESC LIMIT 200),
		known AS (
			SELECT f.followee_id AS id, count(*) AS mutuals FROM user_follows f JOIN mine ON f.follower_id = mine.followee_id
			GROUP BY f.followee_id ORDER BY count(*) DESC LIMIT 500),
		popular AS (
			SELECT id FROM users WHERE NOT gone ORDER BY followers DESC, id DESC LIMIT 500),
		alike AS (
			SELECT a.id, a.posts FROM unnest(CAST(@alike AS uuid[]), CAST(@posts AS bigint[])) AS a (id, posts)
			JOIN users u ON u.id = a.id WHERE NOT u.is_private)
		SELECT u.*, coalesce(k.mutuals, 0) AS mutuals, coalesce(a.posts, 0) AS alike
		FROM (SELECT id FROM known UNION SELECT id FROM alike UNION SELECT id FROM popular) AS c
		JOIN users u ON u.id = c.id LEFT JOIN known k ON k.id = u.id LEFT JOIN alike a ON a.id = u.id
		WHERE u.id <> @viewer AND NOT u.gone
			AND NOT EXISTS (SELECT 1 FROM user_follows f WHERE f.follower_id = @viewer AND f.followee_id = u.id)
			AND NOT EXISTS (SELECT 1 FROM follow_requests q WHERE q.follower_id = @viewer AND q.followee_id = u.id)
			AND NOT EXISTS (SELECT 1 FROM user_dismissals d WHERE d.user_id = @viewer AND d.dismissed_id = u.id)
			AND NOT EXISTS (SELECT 1 FROM user_mutes m WHERE m.muter_id = @viewer AND m.muted_id = u.id
				AND (m.expires_at IS NULL OR m.expires_at > now()))
			AND NOT EXISTS (SELECT 1 FROM user_blocks b WHERE b.blocker_id = @viewer AND b.blocked_id = u.id
				OR b.blocker_id = u.id AND b.blocked_id = @viewer)
		ORDER BY mutuals DESC, alike DESC, u.followers DESC, u.id DESC LIMIT @limit`,
		map[string]any{"viewer": viewer, "alike": database.Array(alike), "posts": database.Array(posts), "limit": limit}).Scan(&rows).Error
	return rows, err
}
