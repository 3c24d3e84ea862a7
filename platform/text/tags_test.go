package text_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/text"
)

func TestTags(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][]string{
		"":                                    {},
		"#Japandi living #japandi":            {"japandi"},
		"#cozy und #ＣＯＺＹ ＃warm":               {"cozy", "warm"},
		"#a#b":                                {"a"},
		"a#b c&39; #":                         {},
		"#거실 인테리어, (#북유럽)":                    {"거실", "북유럽"},
		"#Cafe\u0301":                         {"café"},
		"#x_1!":                               {"x_1"},
		"#" + strings.Repeat("a", 65):         {},
		"line\n#two\n#lines":                  {"two", "lines"},
		strings.Repeat("#same ", 1_000):       {"same"},
		"https://shop.example/sofa/#reviews":  {}, // T2
		"see https://x.example/?q=#top #here": {"here"},
		"shop.example/sofa/#reviews":          {},
		"www.shop.example#top":                {},
		"(https://x.example/a)。#거실":           {"거실"},
		"and/or #love and nice.#sofa":         {"love", "sofa"},
		"#نرم\u200cافزار":                     {"نرم\u200cافزار"}, // T3
		"#ශ්\u200dරී":                         {"ශ්\u200dරී"},
		"#loft\u200d":                         {"loft"},
		"#col·lecció, #リビング・ダイニング": {"col·lecció", "リビング・ダイニング"}, // T4
		"#end· #·start":          {"end"},
		"#ΣΟΦΑΣ #σοφας":          {"σοφας"}, // T5
		"#IŞIK #ışık":            {"işik"},  // T5
		"#1 #2024 #２０２４ #_ #1_2": {},        // T6
		"#2024looks #20㎡":        {"2024looks", "20㎡"},
		"#한국어ㅋㅋ":                 {"한국어ㅋㅋ"}, // T13
		"#️⃣":                    {},
	} {
		got := []string{}
		for _, tag := range text.Tags(s) {
			got = append(got, tag.Text)
		}
		require.Equal(t, want, got, s)
	}
}

func TestParseTag(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"#Japandi", "japandi", "＃JAPANDI"}, {"ΣΟΦΑΣ", "σοφας"}, {"IŞIK", "ışık"}, {"نرم\u200cافزار", "نرمافزار"}, {"Écru", "ecru"}, {"한국어ㅋㅋ", "한국어ᄏᄏ"},
	} {
		first, ok := text.ParseTag(same[0])
		require.True(t, ok, same[0])
		for _, s := range same {
			tag, ok := text.ParseTag(s)
			require.True(t, ok, s)
			require.Equal(t, first.Key, tag.Key, s)
		}
	}
	for _, s := range []string{"", "#", "##x", "two words", "1", "#2024", "a.b", "\u200d", strings.Repeat("a", 65)} {
		_, ok := text.ParseTag(s)
		require.False(t, ok, s)
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][]string{
		"@Ana, look: @b.c. And mail me at x@y.org, @ana": {"ana", "b.c"},
		"@ @@x":                               nil,
		"＠ａｎａ":                                {"ana"},
		"https://clips.example/@ada":          nil, // T1
		"HTTPS://clips.example/@ada, @bob":    {"bob"},
		"clips.example/@ada":                  nil,
		"www.clips.example/@ada @cy":          {"cy"},
		"링크https://clips.example/@ada @dan":   {"dan"},
		"app://open/@ada":                     nil,
		"either/@ada":                         {"ada"},
		"(@ada)":                              {"ada"},
		"thanks @ana.b/@carl":                 {"ana.b", "carl"},
		"at <https://clips.example/@ada>@eve": {"eve"},
	} {
		require.Equal(t, want, text.Mentions(s), s)
	}
}
