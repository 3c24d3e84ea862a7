// Package list makes pages of posts: what a source names, without what the viewer may not see or does not want to, filled up again
// so that a page is short only at the end.
package list

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/render"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/page"
	"atrium/platform/plug"
)

// Source returns up to n entries that come after a position, in the list's order. Fewer than n means that there are no more.
type Source func(ctx context.Context, after page.Position, n int) ([]page.Position, error)

// List says what a page is made of.
type List struct {
	Scope        string // of the cursor: see page.Scope
	Viewer       uuid.UUID
	WithoutMuted bool // leave out people, tags, words, styles and brands that the viewer muted
	OnlyFollowed bool // only of those whom the viewer follows, and the viewer's own
	WithoutOwn   bool // not the viewer's own
	Source       Source
	OnMissing    func(ctx context.Context) // called when the source names posts that were purged; may be nil
}

// keeps reports whether the list has a place for a visible post of the author.
func (l List) keeps(relations visibility.Relations, author uuid.UUID) bool {
	own := author == l.Viewer
	return !(l.WithoutMuted && relations.HasMuted(author)) && !(l.WithoutOwn && own) && (!l.OnlyFollowed || own || relations.Follows(author))
}

// Deps is what a Pager needs.
type Deps struct {
	plug.In

	Contents  *content.Cache
	Policy    *visibility.Policy
	Renderer  *render.Renderer
	Catalogue products.Catalogue
	Mutes     users.Mutes
	Signer    *page.Signer
}

// Pager makes pages of posts. Safe for concurrent use.
type Pager struct{ d Deps }

// NewPager returns a pager.
func NewPager(d Deps) *Pager { return &Pager{d} }

// Page returns a page of what the viewer may see now.
func (p *Pager) Page(ctx context.Context, q page.Query, list List) (page.List[render.Card], error) {
	after := page.Newest
	if _, err := p.d.Signer.OpenCursor(list.Scope, q.Cursor, &after); err != nil {
		return page.List[render.Card]{}, err
	}
	rows, err := p.collect(ctx, list, after, q.Limit+1)
	if err != nil {
		return page.List[render.Card]{}, err
	}
	return render.Page(page.Cut(p.d.Signer, list.Scope, q.Limit, rows,
		func(r row) render.Card { return r.card }, func(r row) any { return r.position })), nil
}

// Count returns how many posts a list begins with that the viewer may see, up to a limit.
func (p *Pager) Count(ctx context.Context, list List, limit int) (int, error) {
	rows, err := p.collect(ctx, list, page.Newest, limit)
	return len(rows), err
}

// row is an entry of a list, with the post once it is known to be visible, and its card once it is known to be readable.
type row struct {
	position page.Position
	content  *content.Content
	card     render.Card
}

func (p *Pager) collect(ctx context.Context, list List, after page.Position, need int) ([]row, error) {
	more := func(after row, n int) ([]row, error) {
		positions, err := list.Source(ctx, after.position, n)
		rows := make([]row, len(positions))
		for i, position := range positions {
			rows[i].position = position
		}
		return rows, err
	}
	have := 0
	return page.Fill(row{position: after}, need, more, func(rows []row) ([]row, error) {
		visible, err := p.filter(ctx, list, rows)
		if err != nil {
			return nil, err
		}
		kept, err := p.readable(ctx, list.Viewer, visible, need-have)
		have += len(kept)
		return kept, err
	})
}

// readable returns up to need of the rows that there is something to read of, with their cards.
func (p *Pager) readable(ctx context.Context, viewer uuid.UUID, rows []row, need int) ([]row, error) {
	kept := make([]row, 0, min(len(rows), need))
	for some := range slices.Chunk(rows, need) {
		contents := make([]*content.Content, len(some))
		for i, r := range some {
			contents[i] = r.content
		}
		cards, err := p.d.Renderer.Cards(ctx, viewer, contents)
		if err != nil {
			return nil, err
		}
		for i, r := range some {
			if cards[i].Shown() && len(kept) < need {
				r.card = cards[i]
				kept = append(kept, r)
			}
		}
		if len(kept) == need {
			break
		}
	}
	return kept, nil
}

// filter returns the rows whose posts the viewer may see and the list has a place for.
func (p *Pager) filter(ctx context.Context, list List, rows []row) ([]row, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.position.ID
	}
	found, err := p.d.Contents.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	relations, err := p.d.Policy.Relations(ctx, list.Viewer, content.Authors(found))
	if err != nil {
		return nil, err
	}
	kept := make([]row, 0, len(rows))
	for _, r := range rows {
		if c, ok := found[r.position.ID]; ok && c.VisibleTo(relations) && list.keeps(relations, c.AuthorID) {
			kept = append(kept, row{position: r.position, content: c})
		}
	}
	if len(found) < len(rows) && list.OnMissing != nil {
		list.OnMissing(ctx)
	}
	if !list.WithoutMuted {
		return kept, nil
	}
	return p.withoutMuted(ctx, list.Viewer, kept)
}
