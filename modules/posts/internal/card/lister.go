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
	Mutes  bool // leave out whom and what the viewer muted
	Circle bool // only of those whom the viewer follows, and the viewer's own
	Others bool // not the viewer's own
	From   Source
	Lost   func(ctx context.Context) // hears that the source named posts that are no more; may be nil
}

// keeps reports whether the list has a place for what the viewer may see.
func (l List) keeps(view View, author uuid.UUID) bool {
	own := author == l.Viewer
	return !(l.Mutes && view.Muted(author)) && !(l.Others && own) && (!l.Circle || own || view.Follows(author))
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
	contents := make([]*Content, 0, q.Limit)
	for _, row := range rows[:min(len(rows), q.Limit)] {
		contents = append(contents, row.content)
	}
	shown, err := l.deck.show(ctx, list.Viewer, contents)
	if err != nil {
		return page.List[Post]{}, err
	}
	made := page.Cut(l.signer, list.Scope, q.Limit, rows,
		func(r row) Post { return shown[r.spot.ID] }, func(r row) any { return r.spot })
	made.Items = slices.DeleteFunc(made.Items, func(p Post) bool { return p.ID == uuid.Nil })
	return write(made), nil
}

// Count returns how many visible posts there are, up to a limit.
func (l *Lister) Count(ctx context.Context, list List, limit int) (int, error) {
	rows, err := l.collect(ctx, list, Start, limit)
	return len(rows), err
}

// row is an entry of a list, with the post once it is known to be visible.
type row struct {
	spot    Spot
	content *Content
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
	for i, r := range rows {
		ids[i] = r.spot.ID
	}
	found, err := l.deck.contents.LoadMany(ctx, ids, l.deck.store.Contents)
	if err != nil {
		return nil, err
	}
	view, err := l.deck.sight.Of(ctx, list.Viewer, authors(found))
	if err != nil {
		return nil, err
	}
	seen := make([]row, 0, len(rows))
	for _, r := range rows {
		c, ok := found[r.spot.ID]
		if ok && !c.Gone && view.Post(c.AuthorID, c.Visibility) && list.keeps(view, c.AuthorID) {
			seen = append(seen, row{spot: r.spot, content: c})
		}
	}
	if len(found) < len(rows) && list.Lost != nil {
		list.Lost(ctx)
	}
	if !list.Mutes {
		return seen, nil
	}
	return l.deck.unmuted(ctx, list.Viewer, seen)
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
