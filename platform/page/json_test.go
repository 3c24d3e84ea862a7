package page_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/page"
)

// A buffer belongs to one list until it was sent; then it is another's, and this list is written by its fields.
func TestWritten_IsSentOnce(t *testing.T) {
	t.Parallel()
	list := page.List[int]{Items: []int{1}}.WithJSON(func(buffer []byte) []byte { return append(buffer, `{"items":[1]}`...) })
	same := list
	raw, _ := list.JSON()
	require.JSONEq(t, `{"items":[1]}`, string(raw))
	list.Release()
	raw, _ = same.JSON()
	require.Nil(t, raw, "copies share the buffer, and its end")
}
