package keys_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/keys"
	"atrium/platform/secret"
)

func master(t *testing.T, letters ...string) *keys.Master {
	t.Helper()
	var all []secret.Text
	for _, letter := range letters {
		all = append(all, secret.Text(strings.Repeat(letter, 43)+"="))
	}
	m, err := keys.NewMaster(keys.Config{Master: all[0], Accept: all[1:]})
	require.NoError(t, err)
	return m
}

func TestMaster(t *testing.T) {
	t.Parallel()
	first, second, both := master(t, "A"), master(t, "I"), master(t, "I", "A")
	context := []byte("row 1")
	sealed := first.Seal("lamps", context, []byte("light"))

	t.Run("it opens what it sealed, for the purpose and the context alone", func(t *testing.T) {
		t.Parallel()
		plain, err := first.Open("lamps", context, sealed)
		require.NoError(t, err)
		require.Equal(t, "light", string(plain))
		for _, open := range []func() ([]byte, error){
			func() ([]byte, error) { return first.Open("sofas", context, sealed) },
			func() ([]byte, error) { return first.Open("lamps", []byte("row 2"), sealed) },
			func() ([]byte, error) { return first.Open("lamps", context, sealed[1:]) },
			func() ([]byte, error) { return first.Open("lamps", context, nil) },
			func() ([]byte, error) { return second.Open("lamps", context, sealed) },
		} {
			_, err := open()
			require.ErrorIs(t, err, keys.ErrSealed)
		}
	})
	t.Run("an accepted one opens and verifies, but makes nothing new", func(t *testing.T) {
		t.Parallel()
		plain, err := both.Open("lamps", context, sealed)
		require.NoError(t, err)
		require.Equal(t, "light", string(plain))
		require.Equal(t, [][]byte{second.Derive("lamps", 32), first.Derive("lamps", 32)}, both.DeriveAll("lamps", 32))
		_, err = first.Open("lamps", context, both.Seal("lamps", context, plain))
		require.ErrorIs(t, err, keys.ErrSealed)
	})
	t.Run("what it sealed is sealed anew, once", func(t *testing.T) {
		t.Parallel()
		anew, changed, err := both.Reseal("lamps", context, sealed)
		require.NoError(t, err)
		require.True(t, changed)
		_, err = second.Open("lamps", context, anew)
		require.NoError(t, err)
		same, changed, err := both.Reseal("lamps", context, anew)
		require.NoError(t, err)
		require.False(t, changed)
		require.Equal(t, anew, same)
		_, _, err = second.Reseal("lamps", context, sealed)
		require.ErrorIs(t, err, keys.ErrSealed)
	})
	t.Run("a short one is refused, an accepted one too", func(t *testing.T) {
		t.Parallel()
		for _, cfg := range []keys.Config{{Master: "c2hvcnQ="}, {Master: secret.Text(strings.Repeat("A", 43) + "="), Accept: []secret.Text{"c2hvcnQ="}}} {
			_, err := keys.NewMaster(cfg)
			require.ErrorContains(t, err, "at least 32 random bytes")
		}
	})
}
