package fault

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefining(t *testing.T) {
	t.Parallel()
	sentinel := Conflict("orders.insufficient_stock", "There is not enough left.")
	cause := errors.New("row 7")
	refined := sentinel.Because(cause).Saying("Only %d left.", 2).At("/body/items/0", "too many").
		Detail("available", 2).After(time.Second)

	t.Run("a refined sentinel still is the sentinel, also when wrapped", func(t *testing.T) {
		t.Parallel()
		err := fmt.Errorf("checkout: %w", refined)
		require.ErrorIs(t, err, sentinel)
		require.ErrorIs(t, err, cause)
		require.NotErrorIs(t, err, Conflict("orders.cart_changed", "The cart changed."))
		require.Equal(t, KindConflict, KindOf(err))
	})

	t.Run("the sentinel and what was refined before stay as they were", func(t *testing.T) {
		t.Parallel()
		first := refined.At("/body/a", "a").Detail("x", 1)
		second := refined.At("/body/b", "b").Detail("x", 2)
		require.Equal(t, "/body/a", first.Fields[1].Pointer)
		require.Equal(t, "/body/b", second.Fields[1].Pointer)
		require.Equal(t, 1, first.Details["x"])
		require.Len(t, refined.Details, 1)
		require.Equal(t, Conflict("orders.insufficient_stock", "There is not enough left."), sentinel)
	})

	t.Run("the cause is in the text for the log and not in the message", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "orders.insufficient_stock: Only 2 left.: row 7", refined.Error())
		require.Equal(t, "Only 2 left.", refined.Message)
		require.Equal(t, "orders.insufficient_stock: There is not enough left.", sentinel.Error())
	})

	t.Run("what is no fault is internal", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, KindInternal, KindOf(cause))
		require.Equal(t, KindInternal, KindOf(nil))
	})
}
