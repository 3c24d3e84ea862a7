package card

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"atrium/platform/page"
)

// written is a card as lists show it, with its JSON cut where each viewer's own flags go. It is kept in this process until
// anything that it shows has changed: the post, its author, a photo, a product.
type written struct {
	post       Post
	head, tail []byte
}

// show makes the cards of a page for a viewer. A post whose author went away meanwhile is absent.
func (d *Deck) show(ctx context.Context, viewer uuid.UUID, contents []*Content) (map[uuid.UUID]Post, error) {
	ids := make([]uuid.UUID, len(contents))
	for i, c := range contents {
		ids[i] = c.ID
	}
	found, err := d.shown.LoadMany(ctx, ids, d.gather, d.write)
	if err != nil {
		return nil, err
	}
	mark, err := d.marksOf(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	shown := make(map[uuid.UUID]Post, len(found))
	for _, c := range contents {
		w, ok := found[c.ID]
		// A post that was edited since it was looked at was not decided upon: it may be for others now.
		if !ok || w.post.Visibility != c.Visibility {
			continue
		}
		if c.CountsHidden && c.AuthorID == viewer {
			own := w.post
			own.Counts = PostCounts{Likes: c.Likes, Comments: c.Comments, Saves: c.Saves}
			if w, err = own.write(); err != nil {
				return nil, err
			}
		}
		post := w.post
		post.Viewer, post.written = mark(c.ID), w
		shown[c.ID] = post
	}
	return shown, nil
}

// gather brings everything that the posts show into the caches, by one call each.
func (d *Deck) gather(ctx context.Context, ids []uuid.UUID) error {
	contents, err := d.contents.LoadMany(ctx, ids, d.store.Contents)
	if err == nil {
		_, err = d.around(ctx, contents)
	}
	return err
}

// write makes one card. False: the post or its author is gone.
func (d *Deck) write(ctx context.Context, id uuid.UUID) (*written, bool, error) {
	contents, err := d.contents.LoadMany(ctx, []uuid.UUID{id}, d.store.Contents)
	if err != nil {
		return nil, false, err
	}
	c, there := contents[id]
	if !there || c.Gone {
		return nil, false, nil
	}
	all, err := d.around(ctx, contents)
	if err != nil {
		return nil, false, err
	}
	author, known := all.people[c.AuthorID]
	if !known {
		return nil, false, nil
	}
	w, err := toPost(c, false, author, all.dress(c, false)).write()
	return w, true, err
}

// write writes the card as JSON and cuts the viewer's flags out. A quotation mark inside a text is escaped, so only the member
// itself looks like it.
func (p Post) write() (*written, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p); err != nil {
		return nil, err
	}
	head, tail, _ := bytes.Cut(bytes.TrimSpace(text.Bytes()), []byte(`"viewer":{"liked":false,"saved":false}`))
	return &written{post: p, head: head, tail: tail}, nil
}

// appendTo writes the card as JSON.
func (p *Post) appendTo(text []byte) []byte {
	text = append(text, p.written.head...)
	text = append(text, `"viewer":{"liked":`...)
	text = strconv.AppendBool(text, p.Viewer.Liked)
	text = append(text, `,"saved":`...)
	text = strconv.AppendBool(text, p.Viewer.Saved)
	text = append(text, '}')
	return append(text, p.written.tail...)
}

// write adds its JSON to a page of cards.
func write(list page.List[Post]) page.List[Post] {
	return list.Written(func(text []byte) []byte {
		size := 100
		for _, p := range list.Items {
			size += len(p.written.head) + len(p.written.tail) + 50
		}
		text = append(slices.Grow(text, size), `{"items":[`...)
		for i := range list.Items {
			if i > 0 {
				text = append(text, ',')
			}
			text = list.Items[i].appendTo(text)
		}
		text = append(text, `],"next_cursor":`...)
		if list.NextCursor == nil {
			text = append(text, `null`...)
		} else {
			text = strconv.AppendQuote(text, *list.NextCursor) // base64: nothing in it is escaped
		}
		return append(text, "}\n"...)
	})
}
