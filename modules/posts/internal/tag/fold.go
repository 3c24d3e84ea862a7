package tag

import (
	"context"
	"time"

	"atrium/platform/tasks"
)

// foldBatch is how many follows of builds before are folded in one transaction.
const foldBatch = 500

// Schedules folds what builds before have written.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "posts.fold_followed_tags", Every: time.Minute, Run: s.FoldFollows}}
}

// FoldFollows brings follows of builds before, which have no shown form, into the form that tags are compared in. What is no hashtag
// any more is followed no more. It works in batches and goes on where it was interrupted.
func (s *Service) FoldFollows(ctx context.Context) error {
	for n := foldBatch; n == foldBatch; {
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			rows, err := s.store.unfolded(ctx, foldBatch)
			n = len(rows)
			for _, row := range rows {
				if err == nil {
					err = s.store.fold(ctx, row)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
