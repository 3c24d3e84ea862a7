package card

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/platform/page"
)

// Spot is where an entry stands in a list; cursors are made of it. A list uses what it is ordered by.
type Spot struct {
	At   time.Time `json:"t,omitzero"`
	ID   uuid.UUID `json:"i"`
	Rank int       `json:"r,omitempty"`
}

// Start is before every entry of a list that begins with the newest.
var Start = Spot{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), ID: uuid.Max}

// Source returns up to n entries that come after a spot. Fewer than n means that there are no more.
type Source func(ctx context.Context, after Spot, n int) ([]Spot, error)

// Lister makes pages of posts.
type Lister struct {
	deck   *Deck
	signer *page.Signer
}

// NewLister makes a Lister.
func NewLister(deck *Deck, signer *page.Signer) *Lister { return &Lister{deck: deck, signer: signer} }

// List says what a page is made of.
type List struct {
	Scope  string // of the cursor: see page.Scope
	Viewer uuid.UUID
	Mutes  bool // leave out whom the viewer muted
	From   Source
}

// Page makes a page of what the viewer may see now. It asks the source again until the page is full, so that a page is
// short only at the end.
func (l *Lister) Page(ctx context.Context, q page.Query, list List) (page.List[Post], error) {
	after := Start
	if _, err := l.signer.Open(list.Scope, q.Cursor, &after); err != nil {
		return page.List[Post]{}, err
	}
	rows, err := l.collect(ctx, list, after, q.Limit+1)
	if err != nil {
		return page.List[Post]{}, err
	}
	figures := make([]Figures, 0, q.Limit)
	for _, row := range rows[:min(len(rows), q.Limit)] {
		figures = append(figures, row.figures)
	}
	shown, err := l.deck.show(ctx, figures, false)
	if err != nil {
		return page.List[Post]{}, err
	}
	made := page.Cut(l.signer, list.Scope, q.Limit, rows,
		func(r row) Post { return shown[r.spot.ID] }, func(r row) any { return r.spot })
	made.Items = slices.DeleteFunc(made.Items, func(p Post) bool { return p.ID == uuid.Nil })
	return made, nil
}

// Count returns how many visible posts there are, up to a limit.
func (l *Lister) Count(ctx context.Context, list List, limit int) (int, error) {
	rows, err := l.collect(ctx, list, Start, limit)
	return len(rows), err
}

// row is an entry of a list, with its figures once the post is known to be visible.
type row struct {
	spot    Spot
	figures Figures
}

func (l *Lister) collect(ctx context.Context, list List, after Spot, need int) ([]row, error) {
	more := func(after row, n int) ([]row, error) {
		spots, err := list.From(ctx, after.spot, n)
		rows := make([]row, len(spots))
		for i, spot := range spots {
			rows[i].spot = spot
		}
		return rows, err
	}
	return Fill(row{spot: after}, need, more, func(rows []row) ([]row, error) { return l.see(ctx, list, rows) })
}

func (l *Lister) see(ctx context.Context, list List, rows []row) ([]row, error) {
	ids := make([]uuid.UUID, len(rows))
	spots := make(map[uuid.UUID]Spot, len(rows))
	for i, r := range rows {
		ids[i], spots[r.spot.ID] = r.spot.ID, r.spot
	}
	figures, err := l.deck.visible(ctx, list.Viewer, ids, list.Mutes)
	if err != nil {
		return nil, err
	}
	seen := make([]row, len(figures))
	for i, f := range figures {
		seen[i] = row{spot: spots[f.ID], figures: f}
	}
	return seen, nil
}

// most bounds how many rows are looked at in one step.
const most = 1000

// Fill gathers need rows that keep leaves: more returns up to n rows after one, fewer than n at the end.
// It takes larger steps the more is left out.
func Fill[T any](after T, need int, more func(after T, n int) ([]T, error), keep func([]T) ([]T, error)) ([]T, error) {
	var rows []T
	for n := need; ; n = min(2*n, most) {
		found, err := more(after, n)
		if err != nil {
			return nil, err
		}
		kept, err := keep(found)
		if err != nil {
			return nil, err
		}
		rows = append(rows, kept...)
		if len(rows) >= need || len(found) < n {
			return rows[:min(len(rows), need)], nil
		}
		after = found[len(found)-1]
	}
}
