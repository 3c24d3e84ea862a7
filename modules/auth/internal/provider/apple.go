package provider

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"atrium/modules/auth"
)

// secretLife is how long a client secret is good for; it is made for one call.
const secretLife = 5 * time.Minute

// appleSecret makes the client secret that Apple wants: a JWT signed with the developer's key.
func appleSecret(cfg auth.Apple, client string, now time.Time) (string, error) {
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(cfg.PrivateKey.Reveal()))
	if err != nil {
		return "", fmt.Errorf("auth: apple.private_key is not a P-256 key in PEM: %w", err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.RegisteredClaims{
		Issuer: cfg.TeamID, Subject: client, Audience: jwt.ClaimStrings{cfg.Issuer},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(secretLife)),
	})
	token.Header["kid"] = cfg.KeyID
	return token.SignedString(key)
}
