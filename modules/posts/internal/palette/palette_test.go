package palette

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDifference(t *testing.T) {
	t.Parallel()
	white, black, red := Tone{Lab{100, 0, 0}, 0.5}, Tone{Lab{0, 0, 0}, 0.5}, Tone{Lab{53, 80, 67}, 0.5}
	require.Zero(t, Difference([]Tone{white, black}, []Tone{black, white}))
	require.InDelta(t, DE2000(white.Lab, black.Lab)/4, Difference([]Tone{white}, []Tone{white, black}), 1e-9, "only the other's half is apart")
	require.Equal(t, Difference([]Tone{white, red}, []Tone{black}), Difference([]Tone{black}, []Tone{white, red}))
	require.Greater(t, Difference([]Tone{white, red}, []Tone{black}), Difference([]Tone{white, red}, []Tone{red}))
}
