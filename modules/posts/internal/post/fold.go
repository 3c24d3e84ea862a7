package post

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// foldBatch is how many posts of builds before are folded in one transaction.
const foldBatch = 200

// Schedules folds what builds before have written.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "posts.fold_captions", Every: time.Minute, Run: s.FoldCaptions}}
}

// FoldCaptions writes the search text and the hashtags of posts that have no search text: those of builds before. It works in batches,
// goes on where it was interrupted, and costs one look into a partial index where there is nothing to do.
func (s *Service) FoldCaptions(ctx context.Context) error {
	for n := foldBatch; n == foldBatch; {
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			rows, err := s.store.unfolded(ctx, foldBatch)
			if err != nil {
				return err
			}
			n = len(rows)
			var tagged []uuid.UUID
			for _, row := range rows {
				if err := s.store.fold(ctx, row); err != nil {
					return err
				}
				if strings.ContainsAny(row.Caption, "#＃") {
					tagged = append(tagged, row.ID)
				}
			}
			s.contents.Drop(ctx, tagged...)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
