package mute

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// store keeps user_muted_terms.
type store struct{ db *database.DB }

// put keeps a term and reports false where the person has as many as one may have. Two puts of one person wait for each other.
func (s store) put(ctx context.Context, user uuid.UUID, t Term, most int) (bool, error) {
	if err := s.db.Conn(ctx).Exec("SELECT 1 FROM users WHERE id = ? FOR NO KEY UPDATE", user).Error; err != nil {
		return false, err
	}
	done := s.db.Conn(ctx).Exec(`
		INSERT INTO user_muted_terms (user_id, kind, term, expires_at) SELECT ?, ?, ?, ?
		WHERE (SELECT count(*) FROM user_muted_terms WHERE user_id = ? AND (kind, term) <> (?, ?)) < ?
		ON CONFLICT ON CONSTRAINT user_muted_terms_pkey DO UPDATE SET expires_at = EXCLUDED.expires_at`,
		user, t.Kind, t.Term, t.ExpiresAt, user, t.Kind, t.Term, most)
	return done.RowsAffected == 1, done.Error
}

func (s store) remove(ctx context.Context, user uuid.UUID, kind string, terms []string) error {
	return s.db.Conn(ctx).Exec("DELETE FROM user_muted_terms WHERE user_id = ? AND kind = ? AND term = ANY(?)", user, kind, database.Array(terms)).Error
}

// list reads all of a person's terms, ended ones too, the newest first.
func (s store) list(ctx context.Context, user uuid.UUID) ([]Term, error) {
	terms := []Term{}
	err := s.db.Conn(ctx).Raw(`SELECT kind, term, expires_at, created_at FROM user_muted_terms WHERE user_id = ?
		ORDER BY created_at DESC, kind, term`, user).Scan(&terms).Error
	return terms, err
}
