package session

import (
	"github.com/google/uuid"

	"atrium/platform/keys"
)

// DeriveRefreshToken derives a token for tests of the whole module.
func DeriveRefreshToken(master *keys.Master, session uuid.UUID, generation int64) string {
	return refreshTokens{master}.derive(session, generation)
}
