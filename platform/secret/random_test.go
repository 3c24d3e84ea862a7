package secret

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewToken(t *testing.T) {
	t.Parallel()
	token, hash := NewToken()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	require.Len(t, raw, 32)
	require.Equal(t, Hash(token), hash)
	other, _ := NewToken()
	require.NotEqual(t, token, other)
}
