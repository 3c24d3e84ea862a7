package identity

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestPrincipal(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ada := Principal{UserID: uuid.New(), Roles: []string{RoleUser, RoleSeller}, SignedIn: now.Add(-FreshFor)}

	t.Run("it travels in the context", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, ada, From(With(context.Background(), ada)))
	})

	t.Run("nobody is unknown, has no role and is never fresh", func(t *testing.T) {
		t.Parallel()
		nobody := From(context.Background())
		require.False(t, nobody.Known())
		require.False(t, nobody.Has(RoleUser))
		nobody.SignedIn = now
		require.False(t, nobody.Fresh(now))
	})

	t.Run("one of several roles is enough", func(t *testing.T) {
		t.Parallel()
		require.True(t, ada.Has(RoleAdmin, RoleSeller))
		require.False(t, ada.Has(RoleAdmin, RoleModerator))
		require.False(t, ada.Has())
	})

	t.Run("a sign-in is fresh for ten minutes", func(t *testing.T) {
		t.Parallel()
		require.True(t, ada.Fresh(now))
		require.False(t, ada.Fresh(now.Add(time.Nanosecond)))
	})
}
