package page

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type position struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

var (
	signer = NewSigner(bytes.Repeat([]byte("k"), 32))
	ada    = uuid.MustParse("0194d7b0-0000-7000-8000-000000000001")
	bob    = uuid.MustParse("0194d7b0-0000-7000-8000-000000000002")
	here   = position{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), ada}
)

func TestCursor(t *testing.T) {
	t.Parallel()
	scope := Scope("posts.feed", ada, "lamp")
	cursor := signer.SealCursor(scope, here)

	t.Run("it comes back as it was", func(t *testing.T) {
		t.Parallel()
		var got position
		found, err := signer.OpenCursor(scope, cursor, &got)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, here, got)
		require.Regexp(t, `^[A-Za-z0-9_-]+$`, cursor)
	})

	t.Run("none is the first page", func(t *testing.T) {
		t.Parallel()
		found, err := signer.OpenCursor(scope, "", &position{})
		require.NoError(t, err)
		require.False(t, found)
	})

	for name, other := range map[string]string{
		"another list":          Scope("posts.explore", ada, "lamp"),
		"another person":        Scope("posts.feed", bob, "lamp"),
		"nobody":                Scope("posts.feed", uuid.Nil, "lamp"),
		"another parameter":     Scope("posts.feed", ada, "sofa"),
		"one parameter more":    Scope("posts.feed", ada, "lamp", ""),
		"one parameter less":    Scope("posts.feed", ada),
		"parameters cut anew":   Scope("posts.feed", ada, "la", "mp"),
		"a parameter in quotes": Scope("posts.feed", ada, `"lamp"`),
	} {
		t.Run("it does not belong to "+name, func(t *testing.T) {
			t.Parallel()
			_, err := signer.OpenCursor(other, cursor, &position{})
			require.ErrorIs(t, err, ErrInvalidCursor)
		})
	}

	t.Run("one of another key is refused", func(t *testing.T) {
		t.Parallel()
		foreign := NewSigner(bytes.Repeat([]byte("x"), 32)).SealCursor(scope, here)
		_, err := signer.OpenCursor(scope, foreign, &position{})
		require.ErrorIs(t, err, ErrInvalidCursor)
	})
}

func TestFault_V5_CursorsAreSealed(t *testing.T) {
	t.Parallel()
	type counted struct {
		Saves int       `json:"r"`
		ID    uuid.UUID `json:"i"`
	}
	scope, there := Scope("posts.showing", ada), counted{123456, bob}
	plain, err := json.Marshal(there)
	require.NoError(t, err)
	cursor := signer.SealCursor(scope, there)
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	for _, told := range [][]byte{plain, []byte("123456"), []byte(`"r"`), []byte(bob.String()), bob[:]} {
		require.NotContains(t, string(raw), string(told), "it tells nothing")
	}
	require.NotEqual(t, cursor, signer.SealCursor(scope, there), "not even that two are alike")
	require.Len(t, signer.SealCursor(scope, counted{Saves: 7, ID: bob}), len(cursor), "nor how long a figure is")

	var got counted
	found, err := signer.OpenCursor(scope, cursor, &got)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, there, got)
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		_, err := signer.OpenCursor(scope, base64.RawURLEncoding.EncodeToString(changed), &got)
		require.ErrorIs(t, err, ErrInvalidCursor, "byte %d", i)
	}

	// Master keys are rotated: what an earlier one sealed is opened as long as it is accepted, and sealed by the new one from then on.
	rotated := NewSigner(bytes.Repeat([]byte("n"), 32), bytes.Repeat([]byte("k"), 32))
	_, err = rotated.OpenCursor(scope, cursor, &got)
	require.NoError(t, err)
	_, err = signer.OpenCursor(scope, rotated.SealCursor(scope, there), &got)
	require.ErrorIs(t, err, ErrInvalidCursor)

	// A build before has only signed its cursors. For one release they are taken, by every key that is.
	before := base64.RawURLEncoding.EncodeToString(append(mac(bytes.Repeat([]byte("k"), 32), scope, plain), plain...))
	for _, s := range []*Signer{signer, rotated} {
		got = counted{}
		_, err = s.OpenCursor(scope, before, &got)
		require.NoError(t, err)
		require.Equal(t, there, got)
		_, err = s.OpenCursor(Scope("posts.showing", bob), before, &got)
		require.ErrorIs(t, err, ErrInvalidCursor)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	params := rapid.SliceOf(rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		a, b := params.Draw(t, "a"), params.Draw(t, "b")
		same := len(a) == len(b)
		for i := 0; same && i < len(a); i++ {
			same = a[i] == b[i]
		}
		if (Scope("list", ada, a...) == Scope("list", ada, b...)) != same {
			t.Fatalf("%q and %q", a, b)
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		total, limit := rapid.IntRange(0, 60).Draw(t, "rows"), rapid.IntRange(1, 50).Draw(t, "limit")
		scope := Scope("numbers", ada)
		seen := []int{}
		for cursor := ""; ; {
			from := 0
			if _, err := signer.OpenCursor(scope, cursor, &from); err != nil {
				t.Fatal(err)
			}
			rows := []int{}
			for n := from + 1; n <= total && len(rows) <= limit; n++ {
				rows = append(rows, n)
			}
			list := Cut(signer, scope, limit, rows, func(n int) int { return n }, func(n int) any { return n })
			seen = append(seen, list.Items...)
			if list.NextCursor == nil {
				break
			}
			if len(list.Items) != limit {
				t.Fatalf("a short page before the end: %v", list.Items)
			}
			cursor = *list.NextCursor
		}
		if len(seen) != total {
			t.Fatalf("%d of %d rows seen", len(seen), total)
		}
		for i, n := range seen {
			if n != i+1 {
				t.Fatalf("row %d is %d", i, n)
			}
		}
	})

	empty, err := json.Marshal(Cut(signer, "s", 20, nil, func(n int) int { return n }, func(n int) any { return n }))
	require.NoError(t, err)
	require.JSONEq(t, `{"items": [], "next_cursor": null}`, string(empty))
}

// FuzzOpen looks for a cursor that opens although we did not seal it.
func FuzzOpen(f *testing.F) {
	scope := Scope("posts.feed", ada)
	genuine := signer.SealCursor(scope, here)
	raw, err := base64.RawURLEncoding.DecodeString(genuine)
	require.NoError(f, err)
	f.Add(genuine)
	f.Add(genuine + "=")
	f.Add(genuine[:len(genuine)-1])
	f.Add(genuine + "\n")
	f.Add(base64.RawURLEncoding.EncodeToString(raw[:macSize]))
	f.Add(base64.RawURLEncoding.EncodeToString(raw[1:]))
	f.Add(base64.RawURLEncoding.EncodeToString(append([]byte{1}, raw[1:]...)))
	f.Add(base64.RawURLEncoding.EncodeToString(append(bytes.Clone(raw), ' ')))
	f.Add(base64.StdEncoding.EncodeToString(raw))
	f.Fuzz(func(t *testing.T, cursor string) {
		var got position
		found, err := signer.OpenCursor(scope, cursor, &got)
		switch cursor {
		case "":
			require.NoError(t, err)
			require.False(t, found)
		case genuine:
			require.NoError(t, err)
			require.Equal(t, here, got)
		default:
			require.ErrorIs(t, err, ErrInvalidCursor)
			require.False(t, found)
		}
	})
}
