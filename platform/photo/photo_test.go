package photo

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBrief(t *testing.T) {
	t.Parallel()
	full := Photo{DominantColor: "#aabbcc", Palette: []Swatch{{"#aabbcc", 1}}}
	text, err := json.Marshal(full.Brief())
	require.NoError(t, err)
	require.NotContains(t, string(text), "palette")
	require.Contains(t, string(text), `"urls_expire_at":null`)
	require.Len(t, full.Palette, 1, "the photo itself keeps its palette")
}
