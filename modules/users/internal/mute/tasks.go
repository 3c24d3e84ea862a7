package mute

import (
	"context"
	"time"

	"atrium/platform/tasks"
)

// Prune deletes mutes that have ended.
func (s *Service) Prune(ctx context.Context) error {
	return s.db.Conn(ctx).Exec("DELETE FROM user_muted_terms WHERE expires_at <= now()").Error
}

// Schedules are the periodic tasks of muted terms.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "users.prune_muted_terms", Every: time.Hour, Run: s.Prune}}
}
