package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
)

// secrets are made once per data folder and stay the same from run to run.
// Keys are PEM (PKCS #8), so that they go into the environment as they are.
type secrets struct {
	DatabasePassword   string `json:"database_password"`
	S3AccessKey        string `json:"s3_access_key"`
	S3SecretKey        string `json:"s3_secret_key"`
	MasterKey          string `json:"master_key"`
	GoogleClientSecret string `json:"google_client_secret"`
	StripeSecretKey    string `json:"stripe_secret_key"`
	StripePublishable  string `json:"stripe_publishable_key"`
	StripeWebhook      string `json:"stripe_webhook_secret"`
	CDNKey             string `json:"cdn_key"`
	GoogleIssuerKey    string `json:"google_issuer_key"`
	AppleIssuerKey     string `json:"apple_issuer_key"`
	AppleDeveloperKey  string `json:"apple_developer_key"`
	PushAccountKey     string `json:"push_account_key"`
}

// loadSecrets reads the file and makes whatever it does not have yet.
func loadSecrets(path string) (*secrets, error) {
	made := &secrets{}
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, made)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	made.fill()
	content, err = json.MarshalIndent(made, "", "  ")
	if err == nil {
		err = writeAtomic(path, append(content, '\n'), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("the keys cannot be kept: %w", err)
	}
	return made, nil
}

func (s *secrets) fill() {
	missing(&s.DatabasePassword, func() string { return randomHex(16) })
	missing(&s.S3AccessKey, func() string { return "ATRIUM" + randomHex(7) })
	missing(&s.S3SecretKey, func() string { return randomHex(20) })
	missing(&s.MasterKey, func() string { return base64.StdEncoding.EncodeToString(randomBytes(32)) })
	missing(&s.GoogleClientSecret, func() string { return "google-" + randomHex(16) })
	missing(&s.StripeSecretKey, func() string { return "sk_test_" + randomHex(16) })
	missing(&s.StripePublishable, func() string { return "pk_test_" + randomHex(16) })
	missing(&s.StripeWebhook, func() string { return "whsec_" + randomHex(16) })
	missing(&s.AppleDeveloperKey, newECKey)
	var wait sync.WaitGroup // an RSA key takes a noticeable moment
	for _, key := range []*string{&s.CDNKey, &s.GoogleIssuerKey, &s.AppleIssuerKey, &s.PushAccountKey} {
		wait.Go(func() { missing(key, newRSAKey) })
	}
	wait.Wait()
}

func missing(value *string, create func() string) {
	if *value == "" {
		*value = create()
	}
}

func randomBytes(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails: it ends the process instead
	return bytes
}

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

func newRSAKey() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return toPEM(key, err)
}

func newECKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return toPEM(key, err)
}

// toPEM answers "" for what cannot happen with a fresh key; parsing then fails with a sentence.
func toPEM(key any, err error) string {
	if err != nil {
		return ""
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// parseKey reads a key that toPEM wrote.
func parseKey[K *rsa.PrivateKey | *ecdsa.PrivateKey](text string) (K, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("keys.json holds something that is not a key: remove it")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("keys.json holds a broken key: %w", err)
	}
	key, ok := parsed.(K)
	if !ok {
		return nil, errors.New("keys.json holds a key of another kind: remove it")
	}
	return key, nil
}
