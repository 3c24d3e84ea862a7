package handle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ana.garcia": "ana.garcia", "@Ana_Garcia": "ana_garcia", "ＡＮＡ": "ana", " ana ": "ana", "a.b": "a.b", "ali": "ali", "Mali": "mali",
	} {
		got, err := Parse(typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got)
	}
	for _, typed := range []string{
		"", "ab", strings.Repeat("a", 31), "ana garcia", "аna", "ana!", ".ana", "ana.", "a..b", "admin", "ADM1N", "admln", "a1l", "he1p", "a.d.m.i.n", "Atr1um", "ａｄｍｉｎ", "ana\u200b",
	} {
		_, err := Parse(typed)
		require.ErrorIs(t, err, ErrInvalid, typed)
	}
}

func FuzzSuggest(f *testing.F) {
	for _, name := range []string{"Ana García", "김민수", "admin", "....", "a", strings.Repeat("x", 100), "Ana..B", "rn\u0301"} {
		f.Add(name, 0)
	}
	f.Fuzz(func(t *testing.T, name string, try int) {
		h := Suggest(name, try&7)
		got, err := Parse(h)
		require.NoError(t, err, h)
		require.Equal(t, h, got)
	})
}
