package audit

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

type store struct{ db *database.DB }

func (s store) insert(ctx context.Context, e Entry) error {
	return s.db.Conn(ctx).Create(&e).Error
}

func (s store) list(ctx context.Context, f Filter, before uuid.UUID, limit int) (found []Entry, err error) {
	query := s.db.Conn(ctx).Order("id DESC").Limit(limit)
	if f.User != uuid.Nil {
		query = query.Where("user_id = ?", f.User)
	}
	if f.Event != "" {
		query = query.Where("event = ?", f.Event)
	}
	if before != uuid.Nil {
		query = query.Where("id < ?", before)
	}
	err = query.Find(&found).Error
	return found, err
}
