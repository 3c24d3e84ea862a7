package internal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseHandle(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ana.garcia": "ana.garcia", "@Ana_Garcia": "ana_garcia", "ＡＮＡ": "ana", " ana ": "ana", "a.b": "a.b",
	} {
		got, err := parseHandle(typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got)
	}
	for _, typed := range []string{
		"", "ab", strings.Repeat("a", 31), "ana garcia", "аna", "ana!", ".ana", "ana.", "a..b", "admin", "ADM1N", "a.d.m.i.n", "Atr1um", "ａｄｍｉｎ", "ana\u200b",
	} {
		_, err := parseHandle(typed)
		require.ErrorIs(t, err, errHandle, typed)
	}
}

func TestSkeleton_IsOneForWhatLooksAlike(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"paypal", "paypa1"}, {"room", "r0om"}, {"modern", "modem"}, {"Window", "vvindow"}} {
		require.Equal(t, skeleton(pair[0]), skeleton(pair[1]))
	}
	require.NotEqual(t, skeleton("ana.b"), skeleton("anab"))
}

func FuzzSuggestHandle(f *testing.F) {
	for _, name := range []string{"Ana García", "김민수", "admin", "....", "a", strings.Repeat("x", 100), "Ana..B", "rn\u0301"} {
		f.Add(name, 0)
	}
	f.Fuzz(func(t *testing.T, name string, try int) {
		h := suggestHandle(name, try&7)
		got, err := parseHandle(h)
		require.NoError(t, err, h)
		require.Equal(t, h, got)
	})
}
