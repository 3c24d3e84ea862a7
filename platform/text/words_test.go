package text_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/text"
)

func TestContainsWord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, word string
		want       bool
	}{
		{"Win a GIVEAWAY now!", "Giveaway", true},
		{"ｇｉｖｅａｗａｙ", "giveaway", true},
		{"give\u200baway", "giveaway", true}, // T7
		{"giveaways", "giveaway", false},
		{"a give away", "giveaway", false},
		{"link  in... BIO", "link in bio", true},
		{"bio link in", "link in bio", false},
		{"In der STRASSE", "straße", true}, // T7
		{"میخواهم", "می\u200cخواهم", true}, // T3
		{"می\u200cخواهم", "می\u200cخواهم", true},
		{"이거 스팸이에요", "스팸", true},
		{"거실은 넓다", "거실", true},
		{"新しいソファを買った", "ソファ", true},
		{"#black friday.", "black friday", true},
		{"blackfriday black friday", "black friday", true},
		{"bathroom", "bath", false},
		{"a1", "1", false},
		{"éclairs", "éclair", false},
		{"Écru", "ecru", true},
		{"merry 🎄!", "🎄", true},
		{"c++, Go", "c++", true},
		{"Don’t", "don't", true},
		{"col·lecció", "col·lecció", true},
		{"anything...", "...", false},
		{"", "x", false},
		{"x", "", false},
	} {
		require.Equal(t, c.want, text.ContainsWord(c.text, c.word), "%q in %q", c.word, c.text)
	}
	require.True(t, text.HasWords("a"))
	require.False(t, text.HasWords(" \u200b… "))
}

func TestQueryTerms(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][]string{
		"Écru  STRASSE!": {"ecru", "strasse"},
		"oak-table, E27": {"oak", "table", "e27"},
		"lamp 🌿®":        {"lamp", "🌿"},
		"हिन्दी":         {"हिन्दी"},
		"...":            nil,
		"":               nil,
	} {
		require.Equal(t, want, text.QueryTerms(s), s)
	}
}

func TestIndexTerms(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][]string{
		"oak table":      {"oak", "table"},
		"60 cm":          {"60", "cm", "60cm"}, // T9
		"60cm":           {"60cm", "60", "cm"}, // T9
		"60. cm":         {"60", "cm"},
		"E27 2 lamps":    {"e27", "2", "lamps"},
		"원목 식탁세트":        {"원목", "식탁세트", "원목식탁세트"}, // T9
		"원목, 식탁":         {"원목", "식탁"},
		"a b c":          {"a", "b", "c"},
		"kid 2 bed 2bed": {"kid", "2", "bed", "2bed", "2", "2bed", "bed"},
	} {
		require.Equal(t, want, text.IndexTerms(s), s)
	}
}
