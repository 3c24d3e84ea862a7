package relation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/database"
)

// Kind is one kind of relation between people, as a table has it: Owner is the column of the person whose list it is, Member that of
// the people in it.
type Kind struct {
	Table, Owner, Member string
	Expires              bool // it may end by itself, at expires_at
}

// The kinds of relations. Followers and Following are the two directions of one.
var (
	Followers  = Kind{Table: "user_follows", Owner: "followee_id", Member: "follower_id"}
	Following  = Kind{Table: "user_follows", Owner: "follower_id", Member: "followee_id"}
	Requests   = Kind{Table: "follow_requests", Owner: "followee_id", Member: "follower_id"}
	Blocks     = Kind{Table: "user_blocks", Owner: "blocker_id", Member: "blocked_id"}
	Dismissals = Kind{Table: "user_dismissals", Owner: "user_id", Member: "dismissed_id"}
	Mutes      = Kind{Table: "user_mutes", Owner: "muter_id", Member: "muted_id", Expires: true}
)

// store reads relations.
type store struct{ db *database.DB }

// Row is how one person stands to the viewer, both ways.
type Row struct {
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

// Relation returns what decides about what the viewer may see of the person.
func (r Row) Relation() users.Relation {
	return users.Relation{
		Following: r.Following, Blocked: r.BlocksMe || r.BlockedByMe, Muted: r.Muted, Private: r.Private, Gone: r.Gone,
	}
}

// Viewer returns what lists of people show beside the person.
func (r Row) Viewer() users.Viewer {
	return users.Viewer{
		IsFollowing: r.Following, FollowRequested: r.Requested, FollowsMe: r.FollowsMe,
		IsBlockedByMe: r.BlockedByMe, IsMuted: r.Muted,
	}
}

// rows reads how people stand to the viewer, in one statement; every id has a row.
func (s store) rows(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]Row, error) {
	var rows []Row
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
	found := make(map[uuid.UUID]Row, len(rows))
	for _, row := range rows {
		found[row.ID] = row
	}
	return found, err
}

// sets reads all relations of people that decide what they may see. Every id has one.
func (s store) sets(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]set, error) {
	var rows []struct {
		ID               uuid.UUID
		Following, Apart database.IDs
		Muted            map[uuid.UUID]time.Time `gorm:"serializer:json"`
	}
	err := s.db.Conn(ctx).Raw(`
		SELECT i.id, (SELECT string_agg(uuid_send(id), '' ORDER BY id) FROM (
				SELECT followee_id AS id FROM user_follows WHERE follower_id = i.id LIMIT @limit) f) AS following,
			(SELECT string_agg(uuid_send(id), '' ORDER BY id) FROM (
				SELECT blocked_id AS id FROM user_blocks WHERE blocker_id = i.id
				UNION SELECT blocker_id FROM user_blocks WHERE blocked_id = i.id LIMIT @limit) b) AS apart,
			(SELECT json_object_agg(muted_id, coalesce(expires_at, '0001-01-01T00:00:00Z')) FROM (
				SELECT muted_id, expires_at FROM user_mutes WHERE muter_id = i.id LIMIT @limit) m) AS muted
		FROM unnest(CAST(@ids AS uuid[])) AS i (id)`,
		map[string]any{"ids": database.Array(ids), "limit": maxSet + 1}).Scan(&rows).Error
	found := make(map[uuid.UUID]set, len(rows))
	for _, row := range rows {
		found[row.ID] = newSet(row.Following, row.Apart, row.Muted)
	}
	return found, err
}

func newSet(following, apart database.IDs, muted map[uuid.UUID]time.Time) set {
	if max(len(following), len(apart), len(muted)) > maxSet {
		return set{Large: true}
	}
	return set{Following: following, Apart: apart, Muted: muted, Version: versionOf(following)}
}

// members reads up to limit (negative: all) ids that stand in the relation to a person, ascending, after the one given.
func (s store) members(ctx context.Context, k Kind, owner, after uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(fmt.Sprintf("SELECT %[3]s FROM %[1]s WHERE %[2]s = ? AND %[3]s > ? ORDER BY %[3]s LIMIT nullif(?, -1)", k.Table, k.Owner, k.Member),
		owner, after, limit).Scan(&ids).Error
	return ids, err
}
