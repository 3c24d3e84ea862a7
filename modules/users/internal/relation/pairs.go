package relation

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/database"
)

// Relationships implements users.Relationships.
func (s *Service) Relationships(ctx context.Context, pairs []users.Pair) (map[users.Pair]users.Relationship, error) {
	if len(pairs) == 0 {
		return map[users.Pair]users.Relationship{}, nil
	}
	return s.store.relationships(ctx, pairs)
}

// relationships reads how pairs of people stand, in one statement; every pair has an answer.
func (s store) relationships(ctx context.Context, pairs []users.Pair) (map[users.Pair]users.Relationship, error) {
	people, others := make([]uuid.UUID, len(pairs)), make([]uuid.UUID, len(pairs))
	for i, p := range pairs {
		people[i], others[i] = p.User, p.Other
	}
	var rows []struct {
		UserID, OtherID uuid.UUID
		users.Relationship
	}
	err := s.db.Conn(ctx).Raw(`
		SELECT p.user_id, p.other_id, u.gone IS NOT FALSE AS gone,
			EXISTS (SELECT 1 FROM user_blocks b WHERE b.blocker_id = p.user_id AND b.blocked_id = p.other_id
				OR b.blocker_id = p.other_id AND b.blocked_id = p.user_id) AS blocked,
			EXISTS (SELECT 1 FROM user_mutes m WHERE m.muter_id = p.user_id AND m.muted_id = p.other_id
				AND (m.expires_at IS NULL OR m.expires_at > now())) AS muted,
			(SELECT f.created_at FROM user_follows f WHERE f.follower_id = p.user_id AND f.followee_id = p.other_id) AS following_since,
			(SELECT f.created_at FROM user_follows f WHERE f.follower_id = p.other_id AND f.followee_id = p.user_id) AS followed_since,
			(SELECT q.created_at FROM follow_requests q WHERE q.follower_id = p.other_id AND q.followee_id = p.user_id) AS asked_since
		FROM unnest(?::uuid[], ?::uuid[]) AS p (user_id, other_id) LEFT JOIN users u ON u.id = p.other_id`,
		database.Array(people), database.Array(others)).Scan(&rows).Error
	found := make(map[users.Pair]users.Relationship, len(rows))
	for _, row := range rows {
		found[users.Pair{User: row.UserID, Other: row.OtherID}] = row.Relationship
	}
	return found, err
}
