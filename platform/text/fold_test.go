package text_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/text"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for name, same := range map[string][]string{
		"Greek with its final sigma (T5)": {"ΣΟΦΑΣ", "σοφας", "Σοφας", "σοφασ", "σοφάς"},
		"Greek with accents (T5)":         {"Φως", "ΦΩΣ", "φῶς"},
		"the dotless i (T5)":              {"IŞIK", "ışık", "Işık", "işik", "İŞİK"},
		"a zero-width space (T7)":         {"give\u200baway", "giveaway", "give\u00adaway", "give\u2060away", "GIVEAWAY"},
		"sharp s (T7, T8)":                {"straße", "STRASSE", "Strasse", "STRAẞE"},
		"accents (T8)":                    {"Écru", "ecru", "E\u0301cru"},
		"width (T8)":                      {"ｓｏｆａ", "SOFA"},
		"half-width kana":                 {"ﾘﾋﾞﾝｸﾞ", "リビング"},
		"joiners (T3)":                    {"می\u200cخواهم", "میخواهم"},
		"Sinhala joiner (T3)":             {"ශ්\u200dරී", "ශ්රී"},
		"Arabic vowels, tatweel (T9)":     {"كُرْسِيّ", "كرسي", "كـــرسي"},
		"Hebrew points":                   {"שָׁלוֹם", "שלום"},
		"compatibility jamo (T13)":        {"ㅋㅋ", "ᄏᄏ"},
		"Nordic letters":                  {"Lœwe Ø Æ Þ", "loewe o ae th"},
		"a fraction":                      {"ﬁne №", "fine no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range same[1:] {
				require.Equal(t, text.Fold(same[0]), text.Fold(s), s)
			}
		})
	}
	for _, pair := range [][2]string{{"カラス", "ガラス"}, {"कि", "कु"}, {"มี", "มา"}, {"거실", "거시"}, {"sofa", "sofas"}} {
		require.NotEqual(t, text.Fold(pair[0]), text.Fold(pair[1]))
	}
}

func TestCaseFold_KeepsWhatNobodySees(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ana", text.CaseFold("ＡＮＡ"))
	require.Equal(t, "ana\u200b", text.CaseFold("Ana\u200b"))
	require.Equal(t, "rené", text.CaseFold("René"))
}

func TestHandleSkeleton_IsOneForWhatLooksAlike(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"paypal", "paypa1"}, {"room", "r0om"}, {"modern", "modem"}, {"Window", "vvindow"}, {"vvv", "vw"}, {"vw", "wv"}, {"rrn", "rm"}} {
		require.Equal(t, text.HandleSkeleton(pair[0]), text.HandleSkeleton(pair[1]))
	}
	require.NotEqual(t, text.HandleSkeleton("ana.b"), text.HandleSkeleton("anab"))
}
