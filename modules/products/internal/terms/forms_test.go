package terms_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/products/internal/terms"
)

func TestForms_OfPluralsAreTheirSingulars(t *testing.T) {
	t.Parallel()
	for plural, singular := range map[string]string{
		"lamps": "lamp", "shelves": "shelf", "bookshelves": "bookshelf", "knives": "knife", "stoves": "stove", "boxes": "box", "axes": "axe", "vases": "vase",
		"glasses": "glass", "mattresses": "mattress", "benches": "bench", "brushes": "brush", "accessories": "accessory", "candies": "candy", "cookies": "cookie",
		"shoes": "shoe", "dishes": "dish", "mosaics": "mosaic", "feet": "foot", "children": "child", "lenses": "lens", "buses": "bus", "sizes": "size",
		"chaises": "chaise", "mesas": "mesa", "sillones": "sillon", "lampen": "lampe", "의자들": "의자", "potatoes": "potato", "leaves": "leaf", "glazes": "glaze",
	} {
		require.Contains(t, terms.Forms(plural), singular, plural)
	}
	for _, word := range []string{"glass", "brass", "cactus", "iris", "linen", "gas", "lamp", "원목", "", "s", "30", "ss"} {
		require.Empty(t, terms.Forms(word), word)
	}
	forms, of := terms.AllForms([]string{"lamps", "oak", "knives"})
	require.Equal(t, []string{"lamp", "knif", "knife", "knive"}, forms)
	require.Equal(t, []string{"lamps", "knives", "knives", "knives"}, of)
}
