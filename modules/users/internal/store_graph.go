package internal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/users"
	"atrium/platform/database"
)

// pair is who and to whom.
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

// edge is one kind of tie between people: near is whose list it is, far who is in it.
type edge struct {
	table, near, far string
	ends             bool // it may end by itself, at expires_at
}

var (
	followersEdge = edge{table: "user_follows", near: "followee_id", far: "follower_id"}
	followingEdge = edge{table: "user_follows", near: "follower_id", far: "followee_id"}
	requestsEdge  = edge{table: "follow_requests", near: "followee_id", far: "follower_id"}
	blocksEdge    = edge{table: "user_blocks", near: "blocker_id", far: "blocked_id"}
	dismissEdge   = edge{table: "user_dismissals", near: "user_id", far: "dismissed_id"}
	mutesEdge     = edge{table: "user_mutes", near: "muter_id", far: "muted_id", ends: true}
)

// lockAll locks people in the order of their ids, so that two who do the same wait instead of deadlocking.
// Whoever does not exist is absent.
func (s store) lockAll(ctx context.Context, ids ...uuid.UUID) (map[uuid.UUID]user, error) {
	var rows []user
	err := s.db.Conn(ctx).Clauses(lockForChange).Where("id = ANY(?)", database.Array(ids)).Order("id").Find(&rows).Error
	found := map[uuid.UUID]user{}
	for _, u := range rows {
		found[u.ID] = u
	}
	return found, faults.Translate(err, nil)
}

// moveFigures is the end of a statement that made or deleted follows ("changed"): the figures move by exactly those rows.
const moveFigures = `,
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
		ON CONFLICT DO NOTHING RETURNING follower_id, followee_id)` + fmt.Sprintf(moveFigures, "+")
	unfollowSQL = `WITH changed AS (
		DELETE FROM user_follows USING unnest(?::uuid[], ?::uuid[]) AS p (a, b)
		WHERE follower_id = p.a AND followee_id = p.b RETURNING follower_id, followee_id)` + fmt.Sprintf(moveFigures, "-")
)

// follow makes those of the pairs that are not there yet, moves the figures, and returns what it made.
func (s store) follow(ctx context.Context, pairs ...pair) ([]pair, error) {
	return s.change(ctx, followSQL, pairs)
}

// unfollow deletes those of the pairs that are there, moves the figures, and returns what it deleted.
func (s store) unfollow(ctx context.Context, pairs ...pair) ([]pair, error) {
	return s.change(ctx, unfollowSQL, pairs)
}

func (s store) change(ctx context.Context, statement string, pairs []pair) (changed []pair, err error) {
	followers, followees := columns(pairs)
	err = s.db.Conn(ctx).Raw(statement, database.Array(followers), database.Array(followees)).Scan(&changed).Error
	return changed, faults.Translate(err, nil)
}

// ties are some of the follows that a person has part in.
func (s store) ties(ctx context.Context, id uuid.UUID, limit int) (found []pair, err error) {
	err = s.db.Conn(ctx).Raw(`(SELECT follower_id, followee_id FROM user_follows WHERE follower_id = ? LIMIT ?)
		UNION (SELECT follower_id, followee_id FROM user_follows WHERE followee_id = ? LIMIT ?)`, id, limit, id, limit).Scan(&found).Error
	return found, faults.Translate(err, nil)
}

// put makes a tie that carries no figure and reports whether it is new.
func (s store) put(ctx context.Context, e edge, near, far uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Table(e.table).Clauses(clause.OnConflict{DoNothing: true}).
		Create(map[string]any{e.near: near, e.far: far})
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// cut deletes such a tie and reports whether it was there.
func (s store) cut(ctx context.Context, e edge, near, far uuid.UUID) (bool, error) {
	done := s.db.Conn(ctx).Exec(fmt.Sprintf("DELETE FROM %s WHERE %s = ? AND %s = ?", e.table, e.near, e.far), near, far)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// requesters are some of those who wait for a person's answer, in the order of their ids.
func (s store) requesters(ctx context.Context, followee uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT follower_id FROM follow_requests WHERE followee_id = ? ORDER BY follower_id LIMIT ?`,
		followee, limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}

// takeRequests deletes those people's requests to a person and returns those that were there.
func (s store) takeRequests(ctx context.Context, followee uuid.UUID, followers []uuid.UUID) (taken []pair, err error) {
	err = s.db.Conn(ctx).Raw(`DELETE FROM follow_requests WHERE followee_id = ? AND follower_id = ANY(?) RETURNING follower_id, followee_id`,
		followee, database.Array(followers)).Scan(&taken).Error
	return taken, faults.Translate(err, nil)
}

// mute makes or changes a mute; until nil: for good.
func (s store) mute(ctx context.Context, muter, muted uuid.UUID, until *time.Time) error {
	err := s.db.Conn(ctx).Exec(`INSERT INTO user_mutes (muter_id, muted_id, expires_at) VALUES (?, ?, ?)
		ON CONFLICT ON CONSTRAINT user_mutes_pkey DO UPDATE SET expires_at = EXCLUDED.expires_at`, muter, muted, until).Error
	return faults.Translate(err, nil)
}

// pruneMutes deletes those that have ended.
func (s store) pruneMutes(ctx context.Context) error {
	return faults.Translate(s.db.Conn(ctx).Exec("DELETE FROM user_mutes WHERE expires_at <= now()").Error, nil)
}

// relation is users.Relation and users.Viewer of one person, with what decides between them.
type relation struct {
	ID          uuid.UUID
	Gone        bool
	Private     bool
	BlocksMe    bool
	Following   bool
	Requested   bool
	FollowsMe   bool
	BlockedByMe bool
	Muted       bool
}

func (r relation) relation() users.Relation {
	return users.Relation{
		Following: r.Following, Blocked: r.BlocksMe || r.BlockedByMe, Muted: r.Muted, Private: r.Private, Gone: r.Gone,
	}
}

func (r relation) viewer() users.Viewer {
	return users.Viewer{
		IsFollowing: r.Following, FollowRequested: r.Requested, FollowsMe: r.FollowsMe,
		IsBlockedByMe: r.BlockedByMe, IsMuted: r.Muted,
	}
}

// relations answers for any number of people in one round trip; every id has a row.
func (s store) relations(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]relation, error) {
	var rows []relation
	err := s.db.Conn(ctx).Raw(`
		SELECT i.id, u.gone IS NOT FALSE AS gone, u.is_private IS TRUE AS private,
			EXISTS (SELECT 1 FROM user_blocks b WHERE b.blocker_id = i.id AND b.blocked_id = v.id) AS blocks_me,
			EXISTS (SELECT 1 FROM user_blocks b WHERE b.blocker_id = v.id AND b.blocked_id = i.id) AS blocked_by_me,
			EXISTS (SELECT 1 FROM user_follows f WHERE f.follower_id = v.id AND f.followee_id = i.id) AS following,
			EXISTS (SELECT 1 FROM user_follows f WHERE f.follower_id = i.id AND f.followee_id = v.id) AS follows_me,
			EXISTS (SELECT 1 FROM follow_requests q WHERE q.follower_id = v.id AND q.followee_id = i.id) AS requested,
			EXISTS (SELECT 1 FROM user_mutes m WHERE m.muter_id = v.id AND m.muted_id = i.id
				AND (m.expires_at IS NULL OR m.expires_at > now())) AS muted
		FROM unnest(?::uuid[]) AS i (id) CROSS JOIN (SELECT ?::uuid AS id) AS v LEFT JOIN users u ON u.id = i.id`,
		database.Array(ids), viewer).Scan(&rows).Error
	found := make(map[uuid.UUID]relation, len(rows))
	for _, row := range rows {
		found[row.ID] = row
	}
	return found, faults.Translate(err, nil)
}

// circle reads all ties of a person that decide what they may see.
func (s store) circle(ctx context.Context, id uuid.UUID) (circle, error) {
	var row struct {
		Following, Apart database.IDs
		Muted            map[uuid.UUID]time.Time `gorm:"serializer:json"`
	}
	err := s.db.Conn(ctx).Raw(`
		SELECT (SELECT string_agg(uuid_send(id), '' ORDER BY id) FROM (
				SELECT followee_id AS id FROM user_follows WHERE follower_id = @id LIMIT @most) f) AS following,
			(SELECT string_agg(uuid_send(id), '' ORDER BY id) FROM (
				SELECT blocked_id AS id FROM user_blocks WHERE blocker_id = @id
				UNION SELECT blocker_id FROM user_blocks WHERE blocked_id = @id LIMIT @most) b) AS apart,
			(SELECT json_object_agg(muted_id, coalesce(expires_at, '0001-01-01T00:00:00Z')) FROM (
				SELECT muted_id, expires_at FROM user_mutes WHERE muter_id = @id LIMIT @most) m) AS muted`,
		map[string]any{"id": id, "most": mostTies + 1}).Scan(&row).Error
	found := circle{Following: row.Following, Apart: row.Apart, Muted: row.Muted}
	if max(len(found.Following), len(found.Apart), len(found.Muted)) > mostTies {
		found = circle{Large: true}
	}
	return found, faults.Translate(err, nil)
}

// neighbours are up to limit (negative: all) far ends of a person's ties, ascending, after the one given.
func (s store) neighbours(ctx context.Context, e edge, near, after uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(fmt.Sprintf("SELECT %[3]s FROM %[1]s WHERE %[2]s = ? AND %[3]s > ? ORDER BY %[3]s LIMIT nullif(?, -1)", e.table, e.near, e.far),
		near, after, limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}

// place is where a list of ties goes on.
type place struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// tied is a person in a list of ties.
type tied struct {
	Who       user `gorm:"embedded"`
	TiedAt    time.Time
	TiedUntil *time.Time // nil: for good
}

// list reads people at the far end of ties, the newest tie first, from after on (nil: from the start). Whoever is gone is
// left out, and, except in one's own list of blocks, whoever blocks the viewer or is blocked by them.
func (s store) list(ctx context.Context, e edge, near, viewer uuid.UUID, after *place, limit int) (rows []tied, err error) {
	columns := "u.*, e.created_at AS tied_at"
	if e.ends {
		columns += ", e.expires_at AS tied_until"
	}
	query := s.db.Conn(ctx).Table("users u").Select(columns).
		Joins(fmt.Sprintf("JOIN %s e ON e.%s = u.id", e.table, e.far)).
		Where(fmt.Sprintf("e.%s = ? AND NOT u.gone", e.near), near)
	if e.ends {
		query = query.Where("(e.expires_at IS NULL OR e.expires_at > now())")
	}
	if e != blocksEdge {
		query = query.Where(`NOT EXISTS (SELECT 1 FROM user_blocks b WHERE b.blocker_id = u.id AND b.blocked_id = ?
			OR b.blocker_id = ? AND b.blocked_id = u.id)`, viewer, viewer)
	}
	if after != nil {
		query = query.Where(fmt.Sprintf("(e.created_at, e.%s) < (?, ?)", e.far), after.At, after.ID)
	}
	err = query.Order(fmt.Sprintf("e.created_at DESC, e.%s DESC", e.far)).Limit(limit).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}

// suggested is somebody the viewer may like to follow.
type suggested struct {
	Who     user `gorm:"embedded"`
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
	return rows, faults.Translate(err, nil)
}

// compared is whether a person's figures differ from their rows.
type compared struct {
	ID      uuid.UUID
	Drifted bool
}

// compareFigures compares the figures of people in the order of their ids, after the one given. One statement sees rows and
// figures of one moment.
func (s store) compareFigures(ctx context.Context, after uuid.UUID, limit int) (batch []compared, err error) {
	err = s.db.Conn(ctx).Raw(`
		SELECT u.id, u.followers <> (SELECT count(*) FROM user_follows f WHERE f.followee_id = u.id)
			OR u.following <> (SELECT count(*) FROM user_follows f WHERE f.follower_id = u.id) AS drifted
		FROM users u WHERE u.id > ? ORDER BY u.id LIMIT ?`, after, limit).Scan(&batch).Error
	return batch, faults.Translate(err, nil)
}

// mendFigures counts a person's rows anew. Whoever changes a tie locks both its ends first, so none moves meanwhile.
func (s store) mendFigures(ctx context.Context, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.lockAll(ctx, id); err != nil {
			return err
		}
		err := s.db.Conn(ctx).Exec(`UPDATE users u SET
			followers = (SELECT count(*) FROM user_follows f WHERE f.followee_id = u.id),
			following = (SELECT count(*) FROM user_follows f WHERE f.follower_id = u.id) WHERE u.id = ?`, id).Error
		return faults.Translate(err, nil)
	})
}
