package viewerstate

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store reads likes and saves.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// recentSize is how many of a person's likes, and as many of their saves, the cache keeps.
const recentSize = 1000

// recent reads the person's newest likes and saves, by the posts' ids, which sort by time.
func (s *Store) recent(ctx context.Context, user uuid.UUID) (recent, error) {
	var r recent
	err := s.db.Conn(ctx).Raw(`
		SELECT (SELECT string_agg(uuid_send(post_id), '' ORDER BY post_id) FROM (
		           SELECT post_id FROM post_likes WHERE user_id = @user ORDER BY post_id DESC LIMIT @most) l) AS likes,
		       (SELECT string_agg(uuid_send(post_id), '' ORDER BY post_id) FROM (
		           SELECT post_id FROM post_saves WHERE user_id = @user ORDER BY post_id DESC LIMIT @most) s) AS saves`,
		map[string]any{"user": user, "most": recentSize}).Scan(&r).Error
	return r, err
}

// among reads which of the posts the person liked and saved, however long ago.
func (s *Store) among(ctx context.Context, user uuid.UUID, ids []uuid.UUID) (recent, error) {
	var r recent
	err := s.db.Conn(ctx).Raw(`
		SELECT (SELECT string_agg(uuid_send(post_id), '' ORDER BY post_id) FROM post_likes WHERE user_id = @user AND post_id = ANY(@ids)) AS likes,
		       (SELECT string_agg(uuid_send(post_id), '' ORDER BY post_id) FROM post_saves WHERE user_id = @user AND post_id = ANY(@ids)) AS saves`,
		map[string]any{"user": user, "ids": database.Array(ids)}).Scan(&r).Error
	return r, err
}
