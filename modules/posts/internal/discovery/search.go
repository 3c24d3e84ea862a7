package discovery

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/list"
	"atrium/modules/posts/internal/palette"
	"atrium/modules/posts/internal/render"
	"atrium/platform/fault"
	"atrium/platform/page"
)

// Search is what to look for; empty: anything.
type Search struct {
	Text        string
	Room, Style string
	Colors      []string // "C9B79C"
	Tolerance   int      // dE2000 around each colour
}

// Search lists public posts: the newest first, or, where colours are asked for, the nearest to them.
func (s *Service) Search(ctx context.Context, viewer uuid.UUID, search Search, q page.Query) (page.List[render.Card], error) {
	colors, err := s.check(search)
	if err != nil {
		return page.List[render.Card]{}, err
	}
	typed := wordsOf(search.Text)
	list := list.List{Viewer: viewer}
	if len(colors) == 0 {
		list.Scope = page.Scope("posts.search", viewer, append(typed, "room", search.Room, "style", search.Style)...)
		list.Source = func(ctx context.Context, after page.Position, n int) ([]page.Position, error) {
			return s.store.found(ctx, typed, search.Room, search.Style, after, n)
		}
		return s.pager.Page(ctx, q, list)
	}
	list.Scope = page.Scope("posts.colors", viewer, append(typed, "room", search.Room, "style", search.Style,
		"colors", fmt.Sprint(colors), strconv.Itoa(search.Tolerance))...)
	list.Source = s.palettes.Source(palette.Query{Colors: colors, Tolerance: search.Tolerance, Room: search.Room, Style: search.Style, Words: typed})
	return s.pager.Page(ctx, q, list)
}

// check returns the colours, or everything that is wrong with what is asked for.
func (s *Service) check(search Search) (colors []palette.Lab, err error) {
	var wrong []fault.Field
	if search.Room != "" && !slices.Contains(s.cfg.Rooms, search.Room) {
		wrong = append(wrong, fault.Field{Pointer: "query.room", Detail: "is not one of those in GET /v1/config"})
	}
	if search.Style != "" && !slices.Contains(s.cfg.Styles, search.Style) {
		wrong = append(wrong, fault.Field{Pointer: "query.style", Detail: "is not one of those in GET /v1/config"})
	}
	for _, text := range search.Colors {
		color, ok := palette.ParseHex(text)
		if !ok {
			wrong = append(wrong, fault.Field{Pointer: "query.color", Detail: "must be six hexadecimal digits, like C9B79C"})
		}
		colors = append(colors, color)
	}
	if len(wrong) > 0 {
		return nil, fault.Invalid(posts.ErrInvalid.Code, posts.ErrInvalid.Message, wrong...)
	}
	return colors, nil
}

// wordsOf returns the words of what was typed, composed as captions are. What nobody can type separates words.
func wordsOf(text string) []string {
	return strings.FieldsFunc(norm.NFC.String(strings.ToValidUTF8(text, " ")), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
}
