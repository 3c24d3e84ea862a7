package provider

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"atrium/modules/auth"
)

// clientSecretTTL is the lifetime of a client secret, which is made for one call.
const clientSecretTTL = 5 * time.Minute

// appleClientSecret signs the client secret that Apple wants: a JWT under the developer's key.
func appleClientSecret(cfg auth.Apple, client string, now time.Time) (string, error) {
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(cfg.PrivateKey.Reveal()))
	if err != nil {
		return "", fmt.Errorf("auth: apple.private_key is not a P-256 key in PEM: %w", err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.RegisteredClaims{
		Issuer: cfg.TeamID, Subject: client, Audience: jwt.ClaimStrings{cfg.Issuer},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(clientSecretTTL)),
	})
	token.Header["kid"] = cfg.KeyID
	return token.SignedString(key)
}
