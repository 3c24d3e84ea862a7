package text_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"atrium/platform/text"
)

// pieces are what texts go wrong on.
var pieces = []string{
	"a", "Z", "ß", "ẞ", "İ", "ı", "I", "Σ", "ς", "é", "e\u0301", "ᾳ", "\u0345", "ﬁ", "㎡", "ŉ", "ǰ", "Ꭰ", "ꭰ", "안", "ㅋ", "\u1100", "\u1161", "が", "ｶﾞ", "कि",
	"كُ", "\u0640", "\u200b", "\u200c", "\u200d", "\u00ad", "\u2800", "\u3164", "\ufe0f", "\u202e", "\u2066", "\u0007", "\r\n", "\r", "\n", "\t", " ", "\u3000",
	"#", "＃", "@", "·", "・", "_", ".", "/", ":", "https://", "www.", "x.example/", "👨\u200d👩\u200d👧", "🎄", "1", "２", "60", "cm", "\xff",
}

func someText(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String()), 0, 12).Draw(t, "text"), "")
}

func TestProperty_Texts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkText(t, someText(t)) })
}

func FuzzText(f *testing.F) {
	for _, s := range append(pieces, "#ΣΟΦΑΣ https://x.example/@ada #col·lecció", "#نرم\u200cافزار", "Jo\u202eevil") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkText(t, s) })
}

// checkText asserts what holds for every text.
func checkText(t require.TestingT, s string) {
	folded := text.Fold(s)
	require.Equal(t, folded, text.Fold(folded), "folding is idempotent")
	for name, clean := range map[string]func(string, int) (string, error){"line": text.Line, "block": text.Block} {
		once, err := clean(s, 10_000)
		require.NoError(t, err, name)
		twice, err := clean(once, 10_000)
		require.NoError(t, err, name)
		require.Equal(t, once, twice, "%s is idempotent", name)
		require.True(t, utf8.ValidString(once) && norm.NFC.IsNormalString(once), name)
		require.Equal(t, once == "", text.Invisible(once), name)
	}
	for _, tag := range text.Tags(s) {
		again, ok := text.ParseTag(tag.Text)
		require.True(t, ok, tag.Text)
		require.Equal(t, tag.Key, again.Key, "a tag as shown leads to itself")
		require.Equal(t, tag.Key, text.Fold(tag.Key))
		require.Equal(t, []text.Tag{again}, text.Tags("#"+tag.Text))
	}
	for _, handle := range text.Mentions(s) {
		require.Equal(t, []string{handle}, text.Mentions("@"+handle))
	}
	index := text.IndexTerms(s)
	for _, term := range text.QueryTerms(s) {
		require.True(t, slices.Contains(index, term), "a text is found by its own words")
		require.Equal(t, []string{term}, text.QueryTerms(term))
	}
	if text.HasWords(s) {
		require.True(t, text.ContainsWord(s, s))
	}
}
