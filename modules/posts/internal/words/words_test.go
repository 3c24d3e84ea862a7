package words_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/posts/internal/words"
)

func TestAnyOf(t *testing.T) {
	t.Parallel()
	for text, found := range map[string]bool{
		"Win a GIVEAWAY now!": true, "ｇｉｖｅａｗａｙ": true, "give\u200baway": true, "giveaways": false, "a give away": false,
		"link  in... BIO": true, "bio link in": false, "이거 스팸이에요": true, "Schöne Lampe": false, "": false,
	} {
		require.Equal(t, found, words.AnyOf(text, []string{"Giveaway", "link in bio", "스팸"}), text)
	}
	require.Empty(t, words.Fold(" \u200b… "))
}

func TestTags(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                               {},
		"#Japandi living #japandi":       {"japandi"},
		"＃ｃｏｚｙ und #ＣＯＺＹ":                {"cozy"},
		"#a#b":                           {"a"},
		"a#b c&#39; #":                   {},
		"#거실 인테리어, (#북유럽)":               {"거실", "북유럽"},
		"#Cafe\u0301":                    {"café"},
		"#x_1!":                          {"x_1"},
		"#" + strings.Repeat("a", 65):    {},
		"line\n#two\n#lines":             {"two", "lines"},
		strings.Repeat("#same ", 10_000): {"same"},
	} {
		require.Equal(t, want, words.Tags(text), text)
	}
	require.Equal(t, "japandi", words.Tag("#Japandi"))
	require.Empty(t, words.Tag("two words"))
	require.Empty(t, words.Tag("##x"))
}

func TestMentions(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"ana", "b.c"}, words.Mentions("@Ana, look: @b.c. And mail me at x@y.org, @ana"))
	require.Empty(t, words.Mentions("@ @@x"))
}

func TestTidyCountsCharactersAsPeopleDo(t *testing.T) {
	t.Parallel()
	family := "👨‍👩‍👧‍👦"
	for name, c := range map[string]struct {
		text string
		fits bool
	}{
		"exactly":         {strings.Repeat("é", 10), true},
		"emoji families":  {strings.Repeat(family, 10), true},
		"one more":        {strings.Repeat(family, 11), false},
		"space around":    {"  " + strings.Repeat("a", 10) + "\n", true},
		"stacked accents": {"a" + strings.Repeat("\u0301", 500), false},
		"decomposed":      {strings.Repeat("e\u0301", 10), true},
	} {
		_, wrong := words.Tidy(c.text, 10)
		require.Equal(t, c.fits, wrong == "", name)
	}
}
