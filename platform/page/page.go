// Package page is Atrium's one way of paging: opaque sealed cursors over a keyset.
package page

import "atrium/platform/fault"

// ErrInvalidCursor answers a cursor that is not ours, was changed, or belongs to another query or person.
var ErrInvalidCursor = fault.New(fault.KindMalformed, "page.invalid_cursor", "This cursor does not belong to this list. Start again without a cursor.")

// Query is what every list takes; embed it in the request struct.
type Query struct {
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"50" default:"20" doc:"items a page"`
}

// List is what every list answers. NextCursor is null at the end.
type List[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"null at the end"`

	written *text // see Written
}

// Cut makes a page from up to limit+1 rows: the extra row only says that there is more.
// position gives the keyset position of the last row shown.
func Cut[R, T any](s *Signer, scope string, limit int, rows []R, show func(R) T, position func(R) any) List[T] {
	list := List[T]{Items: make([]T, 0, min(len(rows), limit))}
	more := len(rows) > limit
	if more {
		rows = rows[:limit]
	}
	for _, row := range rows {
		list.Items = append(list.Items, show(row))
	}
	if more {
		next := s.SealCursor(scope, position(rows[len(rows)-1]))
		list.NextCursor = &next
	}
	return list
}

// Whole answers a list that is short by nature (a person's sessions, the categories) in one piece, whatever the limit.
// No cursor of such a list was ever handed out, so any is ErrInvalidCursor.
func Whole[T any](q Query, items []T) (List[T], error) {
	if q.Cursor != "" {
		return List[T]{}, ErrInvalidCursor
	}
	return List[T]{Items: append([]T{}, items...)}, nil
}
