package text_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/fault"
	"atrium/platform/text"
)

const family = "👨\u200d👩\u200d👧\u200d👦"

func TestLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"white space is one space":      {" Ana \t Lopez\r\n", "Ana Lopez"},
		"composed":                      {"Cafe\u0301", "Café"},
		"controls are dropped (T12)":    {"a\u0007b\u001bc\u0000d\u009f", "abcd"},
		"directions are dropped (T11)":  {"Jo\u202eevil\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069", "Joevil"},
		"a joiner stays (T11)":          {family, family},
		"directional marks stay":        {"עברית\u200e!", "עברית\u200e!"},
		"lines become one":              {"a\u2028b\u0085c", "a bc"},
		"what shows nothing is nothing": {"\u200b \u2800\u3164\u00ad", ""},
		"not UTF-8":                     {"a\xffb", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := text.Line(c.in, 50)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"lines end with LF (T12)":         {"a\r\nb\rc\nd", "a\nb\nc\nd"},
		"tabs stay, controls do not":      {"a\tb\u0007\u001b[1mc", "a\tb[1mc"},
		"space inside stays, around goes": {" \n a  b\n\nc \n", "a  b\n\nc"},
		"directions stay":                 {"a \u202eb", "a \u202eb"},
		"what shows nothing is nothing":   {"\n\u200b\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := text.Block(c.in, 50)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestLimitCountsCharactersAsPeopleDo(t *testing.T) {
	t.Parallel()
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
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := text.Line(c.text, 10)
			require.Equal(t, c.fits, err == nil, "%v", err)
			_, err = text.Block(c.text, 10)
			require.Equal(t, c.fits, err == nil, "%v", err)
		})
	}
	require.Equal(t, 2, text.Length(family+"e\u0301"))
}

func TestInvisible(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", " ", "\u200b", "\u2800", "\u3164", "\u00ad", "\ufeff", "\u2060", "\u115f\u1160", "\uffa0", "\u180e", "\ufe0f",
		"\U000e0020", "\u034f", "\u00a0\u3000\u2028\n\t", "\u202e\u200f\u061c", "\x00"} {
		require.True(t, text.Invisible(s), "%q", s)
	}
	for _, s := range []string{"a", "\u200ba", "🪑", ".", "안", "\u0301"} {
		require.False(t, text.Invisible(s), "%q", s)
	}
}

func TestHasLineBreak(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a\nb", "a\rb", "a\u2028b", "a\u0085b"} {
		require.True(t, text.HasLineBreak(s), "%q", s)
	}
	require.False(t, text.HasLineBreak("a b\n"))
}

func TestClean(t *testing.T) {
	t.Parallel()
	invalid := fault.Invalid("x.invalid", "It cannot be saved like this.")
	title, note, blank, empty := " A\nb ", "a\r\nb", "\u200b", "\u2800"
	require.NoError(t, text.Clean(invalid,
		text.Input{Pointer: "/body/title", Text: &title, Limit: 5, Required: true},
		text.Input{Pointer: "/body/note", Text: &note, Limit: 5, Block: true},
		text.Input{Pointer: "/body/blank", Text: &blank, Limit: 5},
		text.Input{Pointer: "/body/absent", Limit: 5, Required: true}))
	require.Equal(t, []string{"A b", "a\nb", ""}, []string{title, note, blank})

	long := strings.Repeat("x", 6)
	err := text.Clean(invalid,
		text.Input{Pointer: "/body/title", Text: &empty, Limit: 5, Required: true},
		text.Input{Pointer: "/body/note", Text: &long, Limit: 5, Block: true})
	require.ErrorIs(t, err, invalid)
	require.Equal(t, []fault.Field{{Pointer: "/body/title", Detail: "must not be empty"}, {Pointer: "/body/note", Detail: "must have at most 5 characters"}},
		err.(*fault.Error).Fields) //nolint:errorlint // Clean returns the fault itself
	require.Empty(t, invalid.Fields)
}
