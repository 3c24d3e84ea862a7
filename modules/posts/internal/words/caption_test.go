package words_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/posts/internal/words"
	"atrium/platform/text"
)

func TestInCaption(t *testing.T) {
	t.Parallel()
	condition, values := words.InCaption([]string{"Écru-Oak", "%"})
	require.Equal(t, "(search LIKE ? AND search LIKE ? OR search IS NULL AND caption ILIKE ?) AND caption ILIKE ?", condition)
	require.Equal(t, []any{"%ecru%", "%oak%", "%Écru-Oak%", `%\%%`}, values)
	condition, _ = words.InCaption(nil)
	require.Empty(t, condition)
	require.Equal(t, "ecru 60 cm 60cm", words.SearchText("Écru, 60 cm!"))
}

func TestTagForms(t *testing.T) {
	t.Parallel()
	for typed, forms := range map[string][]string{"Oak": {"oak"}, "Écru": {"ecru", "écru"}, "한국어ㅋㅋ": {"한국어ᄏᄏ"}} {
		tag, ok := text.ParseTag(typed)
		require.True(t, ok)
		require.Equal(t, forms, words.TagForms(tag))
	}
}
