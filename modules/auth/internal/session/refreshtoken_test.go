package session

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/keys"
	"atrium/platform/secret"
)

// goldenRefreshToken was derived by the version that this one replaced. Another token here signs everybody out.
const goldenRefreshToken = "AZnC8B9OelOx9J8vah8AAQAAAAAAAAAHdKXjpsfIdVOIrqYfjvyznIEqRMunX-QpaRG12wQvguQ"

func TestRefreshTokens_AreDerivedAsBefore(t *testing.T) {
	t.Parallel()
	master, err := keys.NewMaster(keys.Config{Master: secret.Text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")})
	require.NoError(t, err)
	tokens, session := refreshTokens{master}, uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001")
	require.Equal(t, goldenRefreshToken, tokens.derive(session, 7))

	id, generation, ok := tokens.open(goldenRefreshToken)
	require.True(t, ok)
	require.Equal(t, session, id)
	require.EqualValues(t, 7, generation)
}
