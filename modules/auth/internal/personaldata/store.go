package personaldata

import (
	"context"

	"atrium/platform/database"
)

type store struct{ db *database.DB }

// pruneBatch is the number of rows that one statement deletes: few enough to hold no lock for long.
const pruneBatch = 5000

// prune deletes the rows of a table that meet the condition, a batch at a time.
func (s store) prune(ctx context.Context, table, condition string, args ...any) error {
	statement := "DELETE FROM " + table + " WHERE ctid = ANY(ARRAY(SELECT ctid FROM " + table + " WHERE " + condition + " LIMIT ?))"
	for {
		done := s.db.Conn(ctx).Exec(statement, append(args, pruneBatch)...)
		if done.Error != nil || done.RowsAffected < pruneBatch {
			return done.Error
		}
	}
}
