package list

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/modules/products"
	"atrium/modules/users"
)

// withoutMuted returns the rows without the posts of others whose tags, style, words or pinned brands the viewer muted.
func (p *Pager) withoutMuted(ctx context.Context, viewer uuid.UUID, rows []row) ([]row, error) {
	muted, err := p.d.Mutes.Of(ctx, viewer)
	if err != nil || muted == nil {
		return rows, err
	}
	var pinned []uuid.UUID
	for _, r := range rows {
		pinned = r.content.AppendProducts(pinned)
	}
	refs, err := p.d.Catalogue.Refs(ctx, content.Distinct(pinned))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		return r.content.AuthorID != viewer && muted(subjectOf(r.content, refs))
	}), nil
}

// subjectOf is what of a post can be muted.
func subjectOf(c *content.Content, refs map[uuid.UUID]products.Ref) users.Subject {
	s := users.Subject{Text: c.Caption, Tags: c.Tags}
	if c.Style != nil {
		s.Style = *c.Style
	}
	for _, id := range c.AppendProducts(nil) {
		if brand := refs[id].Brand; brand != "" {
			s.Brands = append(s.Brands, brand)
		}
	}
	return s
}
