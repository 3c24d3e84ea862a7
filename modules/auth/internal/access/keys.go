// Package access issues and verifies access tokens: signing keys, revocations, and when a session was last seen. Verifying a
// token costs no I/O: keys and revocations are in memory, kept current by Syncer.
package access

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"atrium/modules/auth"
	"atrium/platform/database"
	"atrium/platform/keys"
)

const (
	// keyLifetime is how long a key signs before the scheduler creates the next.
	keyLifetime = 30 * 24 * time.Hour
	// activationDelay is how long a new key waits before it signs, so that every instance has loaded it by then.
	activationDelay = 10 * time.Minute
	// verifyAfterRotation is how long a key still verifies after its successor took over: longer than any token's lifetime.
	verifyAfterRotation = time.Hour
	// sealPurpose derives the key that encrypts the private keys in the database.
	sealPurpose = "auth.signing_keys"
)

// key is a signing key in memory.
type key struct {
	id      string
	header  string // of every token that it signs, byte for byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	active  time.Time
}

// Keys holds the signing keys in memory. Safe for concurrent use.
type Keys struct {
	db     *database.DB
	store  store
	master *keys.Master
	now    func() time.Time
	loaded atomic.Pointer[[]key] // ascending by the time they become active
}

// NewKeys is empty until Ensure or Reload.
func NewKeys(db *database.DB, master *keys.Master, now func() time.Time) *Keys {
	k := &Keys{db: db, store: store{db}, master: master, now: now}
	k.loaded.Store(&[]key{})
	return k
}

// Ensure creates the first key where there is none, and loads the set. Of several instances that start at once one creates it.
func (k *Keys) Ensure(ctx context.Context) error {
	err := k.db.InTx(ctx, func(ctx context.Context) error {
		newest, err := k.store.lockKeys(ctx)
		if err != nil || newest != nil {
			return err
		}
		_, err = k.create(ctx, delay(nil))
		return err
	})
	if err != nil {
		return err
	}
	return k.Reload(ctx)
}

// Sync reads the set from the database, and creates a key where there is none any more.
func (k *Keys) Sync(ctx context.Context) error {
	if err := k.Reload(ctx); err != nil || len(*k.loaded.Load()) > 0 {
		return err
	}
	return k.Ensure(ctx)
}

// Reload reads the set from the database: a key that is gone there verifies nothing any more. It returns an error where the
// master key does not open a key, and loads the others.
func (k *Keys) Reload(ctx context.Context) error {
	rows, err := k.store.keys(ctx)
	if err != nil {
		return err
	}
	loaded := make([]key, 0, len(rows))
	for _, row := range rows {
		seed, openErr := k.master.Open(sealPurpose, []byte(row.Kid), row.Sealed)
		if openErr != nil || len(seed) != ed25519.SeedSize {
			err = errors.Join(err, fmt.Errorf("auth: signing key %s was sealed under another master key: "+
				"name that one in keys.accept, or withdraw the key: atrium keys withdraw %s", row.Kid, row.Kid))
			continue
		}
		private := ed25519.NewKeyFromSeed(seed)
		loaded = append(loaded, key{
			id: row.Kid, header: headerOf(row.Kid), private: private, public: private.Public().(ed25519.PublicKey), active: row.ActiveAt,
		})
	}
	slices.SortFunc(loaded, func(a, b key) int { return a.active.Compare(b.active) })
	k.loaded.Store(&loaded)
	return err
}

// Rotate creates a key that signs after activationDelay, and returns its id.
func (k *Keys) Rotate(ctx context.Context) (kid string, err error) {
	err = k.db.InTx(ctx, func(ctx context.Context) error {
		newest, err := k.store.lockKeys(ctx)
		if err != nil {
			return err
		}
		kid, err = k.create(ctx, delay(newest))
		return err
	})
	if err != nil {
		return "", err
	}
	return kid, k.Reload(ctx)
}

// RotateDue rotates once the newest key is older than keyLifetime, and deletes keys that no valid token can name any more.
func (k *Keys) RotateDue(ctx context.Context) error {
	err := k.db.InTx(ctx, func(ctx context.Context) error {
		newest, err := k.store.lockKeys(ctx)
		if err != nil {
			return err
		}
		if newest == nil || k.now().Sub(newest.ActiveAt) >= keyLifetime {
			if _, err := k.create(ctx, delay(newest)); err != nil {
				return err
			}
		}
		return k.store.deleteOldKeys(ctx, k.now().Add(-verifyAfterRotation))
	})
	if err != nil {
		return err
	}
	return k.Reload(ctx)
}

// Withdraw deletes a key, or returns auth.ErrKeyNotFound. Every instance refuses its tokens from its next Sync on. Where no other
// key could sign, it creates one that signs at once. It needs to open no key, so that it also helps where the master key is lost.
func (k *Keys) Withdraw(ctx context.Context, kid string) error {
	return k.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := k.store.lockKeys(ctx); err != nil {
			return err
		}
		if err := k.store.deleteKey(ctx, kid); err != nil {
			return err
		}
		left, err := k.store.keys(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(left, func(other signingKey) bool { return !other.ActiveAt.After(k.now()) }) {
			return nil
		}
		_, err = k.create(ctx, 0)
		return err
	})
}

// List returns the keys at rest, the oldest first.
func (k *Keys) List(ctx context.Context) (all []auth.SigningKey, err error) {
	rows, err := k.store.keys(ctx)
	for _, row := range rows {
		all = append(all, auth.SigningKey{ID: row.Kid, ActiveAt: row.ActiveAt})
	}
	slices.SortFunc(all, func(a, b auth.SigningKey) int { return a.ActiveAt.Compare(b.ActiveAt) })
	return all, err
}

// Reseal seals under the master key what an accepted one has sealed, and returns how many keys that were.
func (k *Keys) Reseal(ctx context.Context) (resealed int, err error) {
	err = k.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := k.store.lockKeys(ctx); err != nil {
			return err
		}
		rows, err := k.store.keys(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			sealed, changed, err := k.master.Reseal(sealPurpose, []byte(row.Kid), row.Sealed)
			if err != nil {
				return fmt.Errorf("auth: signing key %s: %w", row.Kid, err)
			}
			if !changed {
				continue
			}
			if err := k.store.saveSealed(ctx, row.Kid, sealed); err != nil {
				return err
			}
			resealed++
		}
		return nil
	})
	return resealed, err
}

// delay is how long a new key waits before it signs: not at all where it is the first.
func delay(newest *signingKey) time.Duration {
	if newest == nil {
		return 0
	}
	return activationDelay
}

func (k *Keys) create(ctx context.Context, delay time.Duration) (kid string, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("auth: generate a signing key: %w", err)
	}
	kid = hex.EncodeToString(public[:8])
	return kid, k.store.insertKey(ctx, signingKey{
		Kid: kid, Public: public, Sealed: k.master.Seal(sealPurpose, []byte(kid), private.Seed()), ActiveAt: k.now().Add(delay),
	})
}

// signer returns the newest key that is active.
func (k *Keys) signer() (key, bool) {
	loaded, now := *k.loaded.Load(), k.now()
	for _, candidate := range slices.Backward(loaded) {
		if !candidate.active.After(now) {
			return candidate, true
		}
	}
	return key{}, false
}

// headerOf returns the encoded header of the tokens that a key signs.
func headerOf(kid string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + kid + `","typ":"JWT"}`))
}

// byHeader returns the key whose tokens have this header. An unknown header never causes I/O.
func (k *Keys) byHeader(header string) (key, bool) {
	for _, candidate := range *k.loaded.Load() {
		if candidate.header == header {
			return candidate, true
		}
	}
	return key{}, false
}

// JWK is a public key as RFC 8037 writes it.
type JWK struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	ID    string `json:"kid"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
}

// Public returns every key that signs now, will sign soon, or has signed tokens that may still be valid.
func (k *Keys) Public() []JWK {
	set := []JWK{}
	for _, known := range *k.loaded.Load() {
		set = append(set, JWK{
			Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(known.public), ID: known.id, Use: "sig", Alg: "EdDSA",
		})
	}
	return set
}
