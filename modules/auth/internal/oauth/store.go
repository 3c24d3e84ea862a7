package oauth

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"atrium/platform/database"
)

type store struct{ db *database.DB }

func (s store) insertState(ctx context.Context, st State) error {
	return s.db.Conn(ctx).Create(&st).Error
}

// consumeState deletes and returns the state of that kind and hash, or returns missing where there is none that has not expired,
// or only one that is bound to another browser.
func (s store) consumeState(ctx context.Context, kind StateKind, hash, binding []byte, now time.Time, missing error) (State, error) {
	var taken []State
	err := s.db.Conn(ctx).Clauses(clause.Returning{}).
		Where("hash = ? AND kind = ? AND expires_at > ? AND (binding IS NULL OR binding = ?)", hash, kind, now, binding).Delete(&taken).Error
	if err != nil || len(taken) == 1 {
		return append(taken, State{})[0], err
	}
	return State{}, missing
}
