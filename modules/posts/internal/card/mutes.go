package card

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/users"
)

// unmuted returns the rows without the posts of others whose tags, style, words or pinned brands the viewer muted.
func (d *Deck) unmuted(ctx context.Context, viewer uuid.UUID, rows []row) ([]row, error) {
	muted, err := d.mutes.Of(ctx, viewer)
	if err != nil || muted == nil {
		return rows, err
	}
	var pinned []uuid.UUID
	for _, r := range rows {
		pinned = r.content.products(pinned)
	}
	refs, err := d.catalogue.Refs(ctx, unique(pinned))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		return r.content.AuthorID != viewer && muted(r.content.subject(refs))
	}), nil
}

// subject is what of a post can be muted.
func (c *Content) subject(refs map[uuid.UUID]products.Ref) users.Subject {
	s := users.Subject{Text: c.Caption, Tags: c.Tags}
	if c.Style != nil {
		s.Style = *c.Style
	}
	for _, id := range c.products(nil) {
		if brand := refs[id].Brand; brand != "" {
			s.Brands = append(s.Brands, brand)
		}
	}
	return s
}
