package personaldata_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/users/userstest"
)

func setup(t *testing.T) *moduletest.Module {
	t.Helper()
	return moduletest.New(t, userstest.New(), nil)
}

func TestPrune_KeepsWhatLives(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.SignIn(t, "ana")
	b.Nonce(t)
	b.Post(t, "/v1/auth/logout", b.SignIn(t, "ben").Access, nil).Want(204)
	require.NoError(t, b.PersonalData.Prune(t.Context()))
	require.EqualValues(t, 1, b.Count(t, "SELECT count(*) FROM nonces"))
	b.Clock.Advance(50 * time.Hour)
	require.NoError(t, b.PersonalData.Prune(t.Context()))
	require.Zero(t, b.Count(t, "SELECT (SELECT count(*) FROM nonces) + (SELECT count(*) FROM revocations) + (SELECT count(*) FROM auth_audit)"))
	b.Refreshed(t, ana.Refresh)
}
