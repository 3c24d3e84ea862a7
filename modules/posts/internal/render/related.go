package render

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/photo"
)

// related is everything that the posts of one page show from other modules, fetched once each.
type related struct {
	figures  map[uuid.UUID]content.Figures
	people   map[uuid.UUID]users.Ref
	photos   map[uuid.UUID]photo.Photo
	products map[uuid.UUID]products.Ref
}

// Photos returns the photos of contents with their pins and products, by the content's id, whoever may see them.
func (r *Renderer) Photos(ctx context.Context, contents map[uuid.UUID]*content.Content) (map[uuid.UUID][]PostPhoto, error) {
	all, err := r.loadRelated(ctx, contents)
	if err != nil {
		return nil, err
	}
	photos := make(map[uuid.UUID][]PostPhoto, len(contents))
	for id, c := range contents {
		photos[id] = all.photosOf(c, true)
	}
	return photos, nil
}

func (r *Renderer) loadRelated(ctx context.Context, contents map[uuid.UUID]*content.Content) (all related, err error) {
	var ids, people, photos, pinned []uuid.UUID
	for id, c := range contents {
		ids = append(ids, id)
		people = append(people, c.AuthorID)
		for _, p := range c.Photos {
			photos = append(photos, p.ID)
		}
		pinned = c.AppendProducts(pinned)
	}
	if all.figures, err = r.contents.Figures(ctx, ids); err != nil {
		return all, err
	}
	if all.people, err = r.people.Refs(ctx, content.Distinct(people)); err != nil {
		return all, err
	}
	if all.photos, err = r.library.Photos(ctx, content.Distinct(photos)); err != nil {
		return all, err
	}
	if len(pinned) > 0 {
		all.products, err = r.catalogue.Refs(ctx, content.Distinct(pinned))
	}
	return all, err
}

// photosOf renders the photos of a post, palettes only where it is whole. A photo that is gone is left out.
func (all related) photosOf(c *content.Content, whole bool) []PostPhoto {
	photos := make([]PostPhoto, 0, len(c.Photos))
	for _, p := range c.Photos {
		picture, ok := all.photos[p.ID]
		if !ok {
			continue
		}
		if !whole {
			picture = picture.Brief()
		}
		if p.Alt != nil {
			picture.Alt = *p.Alt
		}
		pins := make([]PostPin, len(p.Pins))
		for i, pin := range p.Pins {
			pins[i] = PostPin{X: pin.X, Y: pin.Y, Label: pin.Label, Product: all.product(pin.ProductID)}
		}
		photos = append(photos, PostPhoto{Photo: picture, FocalPoint: p.Focal, Pins: pins})
	}
	return photos
}

// unreadable reports whether a post's photos are all gone, so that nothing is left of it. While uploads is off, posts are read without.
func (r *Renderer) unreadable(c *content.Content, photos []PostPhoto) bool {
	_, off := r.library.(uploads.Absent)
	return len(photos) == 0 && len(c.Photos) > 0 && !off
}

func (all related) product(id *uuid.UUID) *products.Ref {
	if id == nil {
		return nil
	}
	if ref, ok := all.products[*id]; ok {
		return &ref
	}
	return nil
}
