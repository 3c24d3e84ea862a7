package render

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/platform/httpserver"
	"atrium/platform/page"
)

// card is a post as lists show it, with its JSON cut where each viewer's own flags go. It is kept in this process until
// anything that it shows has changed: the post, its author, a photo, a product.
type card struct {
	post       Post
	head, tail []byte
}

// Card is a post as lists show it to one viewer: the API's Post without palettes. It is small, since what everybody sees of the post is
// shared. The zero Card shows none.
type Card struct {
	card   *card
	viewer PostViewer
}

// SchemaName is that of a Post, so that a list of cards is a PostList in the OpenAPI document.
func (Card) SchemaName() string { return "Post" }

// MarshalJSON writes the Post.
func (c Card) MarshalJSON() ([]byte, error) { return c.appendTo(nil), nil }

// Shown reports whether there is a post.
func (c Card) Shown() bool { return c.card != nil }

// Post is the post as the API has it.
func (c Card) Post() Post {
	post := c.card.post
	post.Viewer = c.viewer
	return post
}

// Cards renders contents that the viewer may see as lists show them: one for each, in their order. A post whose author went away
// meanwhile is not shown, nor is one of which no photo can be read.
func (r *Renderer) Cards(ctx context.Context, viewer uuid.UUID, contents []*content.Content) ([]Card, error) {
	ids := make([]uuid.UUID, len(contents))
	for i, c := range contents {
		ids[i] = c.ID
	}
	cards, err := r.cards.LoadMany(ctx, ids, r.warm, r.card)
	if err != nil {
		return nil, err
	}
	stateOf, err := r.states.States(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	rendered := make([]Card, len(contents))
	for i, c := range contents {
		found, ok := cards[c.ID]
		// A post that was edited since it was looked at was not decided upon: it may be for others now.
		if !ok || found.post.Visibility != c.Visibility {
			continue
		}
		if c.CountsHidden && c.AuthorID == viewer {
			if found, err = r.withCounts(ctx, found); err != nil {
				return nil, err
			}
		}
		rendered[i] = Card{card: found, viewer: PostViewer(stateOf(c.ID))}
	}
	return rendered, nil
}

// withCounts returns a card as its author sees it, with the figures that others do not see.
func (r *Renderer) withCounts(ctx context.Context, c *card) (*card, error) {
	figures, err := r.contents.Figures(ctx, []uuid.UUID{c.post.ID})
	if err != nil {
		return nil, err
	}
	own := c.post
	own.Counts = PostCounts(figures[own.ID])
	return own.encode()
}

// warm brings everything that the posts show into the caches, by one call each.
func (r *Renderer) warm(ctx context.Context, ids []uuid.UUID) error {
	contents, err := r.contents.Load(ctx, ids)
	if err == nil {
		_, err = r.loadRelated(ctx, contents)
	}
	return err
}

// card renders one card. False: the post, its author or all of its photos are gone.
func (r *Renderer) card(ctx context.Context, id uuid.UUID) (*card, bool, error) {
	contents, err := r.contents.Load(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, false, err
	}
	c, there := contents[id]
	if !there || c.Gone {
		return nil, false, nil
	}
	all, err := r.loadRelated(ctx, contents)
	if err != nil {
		return nil, false, err
	}
	author, known := all.people[c.AuthorID]
	if !known {
		return nil, false, nil
	}
	photos := all.photosOf(c, false)
	if r.unreadable(c, photos) {
		return nil, false, nil
	}
	made, err := toPost(c, all.figures[id], false, author, photos).encode()
	return made, true, err
}

// encode writes the post as JSON and cuts the viewer's flags out. A quotation mark inside a text is escaped, so only the member
// itself looks like it.
func (p Post) encode() (*card, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(p); err != nil {
		return nil, err
	}
	head, tail, _ := bytes.Cut(bytes.TrimSpace(text.Bytes()), []byte(`"viewer":{"liked":false,"saved":false}`))
	return &card{post: p, head: head, tail: tail}, nil
}

// appendTo appends the JSON of the Post.
func (c Card) appendTo(text []byte) []byte {
	text = append(text, c.card.head...)
	text = append(text, `"viewer":{"liked":`...)
	text = strconv.AppendBool(text, c.viewer.Liked)
	text = append(text, `,"saved":`...)
	text = strconv.AppendBool(text, c.viewer.Saved)
	text = append(text, '}')
	return append(text, c.card.tail...)
}

// DescribeCards says that the schema of a Card is a Post's. Call it before routes are registered whose answers have cards in them.
func DescribeCards(r *httpserver.Router) {
	r.API().OpenAPI().Components.Schemas.RegisterTypeAlias(reflect.TypeFor[Card](), reflect.TypeFor[Post]())
}

// Page adds its JSON to a page of cards, so that it is not encoded again.
func Page(list page.List[Card]) page.List[Card] {
	return list.WithJSON(func(text []byte) []byte {
		size := 100
		for _, c := range list.Items {
			size += len(c.card.head) + len(c.card.tail) + 50
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
