package dataexport

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/google/uuid"

	"atrium/platform/database"
)

const (
	pageSize = 500
	// mostUnkeyed bounds a table that is read in one go.
	mostUnkeyed = 10_000
)

// Table is what a part hands out of a table. Select names the columns that concern the person, never a secret, and finds
// their rows by @user; Key is a uuid column among them that is unique for the person, by which they are read in pages. A table
// of which a person has few rows needs no Key.
type Table struct {
	Name   string // of the file, without .json
	Key    string
	Select string
}

// Tables makes a part that consists of tables.
func Tables(db *database.DB, module string, tables ...Table) Part {
	return Part{Module: module, Write: func(ctx context.Context, user uuid.UUID, to *Archive) error {
		for _, table := range tables {
			if err := to.Rows(table.Name, table.rows(ctx, db, user)); err != nil {
				return fmt.Errorf("%s: %w", table.Name, err)
			}
		}
		return nil
	}}
}

// rows reads page by page, so that no statement lasts as long as the archive's way to its reader.
func (t Table) rows(ctx context.Context, db *database.DB, user uuid.UUID) iter.Seq2[json.RawMessage, error] {
	statement := fmt.Sprintf(`SELECT '' AS key, to_jsonb(t)::text AS content FROM (%s) AS t LIMIT @limit`, t.Select)
	limit := mostUnkeyed
	if t.Key != "" {
		statement = fmt.Sprintf(`SELECT t.%[1]s::text AS key, to_jsonb(t)::text AS content FROM (%[2]s) AS t
			WHERE t.%[1]s > @after ORDER BY t.%[1]s LIMIT @limit`, t.Key, t.Select)
		limit = pageSize
	}
	return func(yield func(json.RawMessage, error) bool) {
		for after := uuid.Nil.String(); ; {
			var page []struct{ Key, Content string }
			err := db.Conn(ctx).Raw(statement, map[string]any{"user": user, "after": after, "limit": limit}).Scan(&page).Error
			if err != nil {
				yield(nil, fmt.Errorf("dataexport: read: %w", err))
				return
			}
			for _, row := range page {
				if !yield(json.RawMessage(row.Content), nil) {
					return
				}
			}
			if t.Key == "" || len(page) < limit {
				return
			}
			after = page[len(page)-1].Key
		}
	}
}
