// Package access makes and checks access tokens: the signing keys, the tokens, and what has been revoked. Checking a token
// costs no I/O: keys and revocations are in memory, kept up by Watch.
package access

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"atrium/platform/database"
	"atrium/platform/keys"
)

const (
	// keyLife is how long a key signs before the scheduler makes the next one.
	keyLife = 30 * 24 * time.Hour
	// keyLead is how long a new key waits, so that every instance has loaded it before its first use.
	keyLead = 10 * time.Minute
	// keyRest is how long a key still verifies after the next one took over: longer than any token lives.
	keyRest = time.Hour
	// sealPurpose names the key under which the private parts lie in the database.
	sealPurpose = "auth.signing_keys"
)

// key is one signing key.
type key struct {
	id      string
	header  string // of every token that it signs, letter for letter
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	active  time.Time
}

// Keys are the signing keys, in memory. Safe for concurrent use.
type Keys struct {
	db     *database.DB
	store  store
	master *keys.Master
	now    func() time.Time
	loaded atomic.Pointer[[]key] // by the time they become active, ascending
}

// NewKeys makes an empty set; Ensure or Reload fills it.
func NewKeys(db *database.DB, master *keys.Master, now func() time.Time) *Keys {
	k := &Keys{db: db, store: store{db}, master: master, now: now}
	k.loaded.Store(&[]key{})
	return k
}

// Ensure makes the very first key, if this is the first instance of all, and loads the set.
func (k *Keys) Ensure(ctx context.Context) error {
	err := k.db.InTx(ctx, func(ctx context.Context) error {
		newest, err := k.store.lockKeys(ctx)
		if err != nil || newest != nil {
			return err
		}
		_, err = k.make(ctx, lead(nil))
		return err
	})
	if err != nil {
		return err
	}
	return k.Reload(ctx)
}

// Reload reads the set from the database.
func (k *Keys) Reload(ctx context.Context) error {
	rows, err := k.store.keys(ctx)
	if err != nil {
		return err
	}
	loaded := make([]key, 0, len(rows))
	for _, row := range rows {
		seed, err := k.master.Open(sealPurpose, []byte(row.Kid), row.Sealed)
		if err != nil || len(seed) != ed25519.SeedSize {
			return fmt.Errorf("auth: signing key %s cannot be opened with this master key", row.Kid)
		}
		private := ed25519.NewKeyFromSeed(seed)
		loaded = append(loaded, key{
			id: row.Kid, header: headerOf(row.Kid), private: private, public: private.Public().(ed25519.PublicKey), active: row.ActiveAt,
		})
	}
	slices.SortFunc(loaded, func(a, b key) int { return a.active.Compare(b.active) })
	k.loaded.Store(&loaded)
	return nil
}

// Rotate makes a new key that takes over in a few minutes, and returns its id.
func (k *Keys) Rotate(ctx context.Context) (kid string, err error) {
	err = k.db.InTx(ctx, func(ctx context.Context) error {
		newest, err := k.store.lockKeys(ctx)
		if err != nil {
			return err
		}
		kid, err = k.make(ctx, lead(newest))
		return err
	})
	if err != nil {
		return "", err
	}
	return kid, k.Reload(ctx)
}

// RotateDue is Rotate once the newest key is old, and forgets keys that no token can refer to any more.
func (k *Keys) RotateDue(ctx context.Context) error {
	err := k.db.InTx(ctx, func(ctx context.Context) error {
		newest, err := k.store.lockKeys(ctx)
		if err != nil {
			return err
		}
		if newest == nil || k.now().Sub(newest.ActiveAt) >= keyLife {
			if _, err := k.make(ctx, lead(newest)); err != nil {
				return err
			}
		}
		return k.store.forgetKeys(ctx, k.now().Add(-keyRest))
	})
	if err != nil {
		return err
	}
	return k.Reload(ctx)
}

// lead is how long a new key waits: not at all where it is the first, since nothing could be signed meanwhile.
func lead(newest *signingKey) time.Duration {
	if newest == nil {
		return 0
	}
	return keyLead
}

func (k *Keys) make(ctx context.Context, lead time.Duration) (kid string, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("auth: make a signing key: %w", err)
	}
	kid = hex.EncodeToString(public[:8])
	return kid, k.store.insertKey(ctx, signingKey{
		Kid: kid, Public: public, Sealed: k.master.Seal(sealPurpose, []byte(kid), private.Seed()), ActiveAt: k.now().Add(lead),
	})
}

// signer is the newest key that is active.
func (k *Keys) signer() (key, bool) {
	loaded, now := *k.loaded.Load(), k.now()
	for _, candidate := range slices.Backward(loaded) {
		if !candidate.active.After(now) {
			return candidate, true
		}
	}
	return key{}, false
}

// headerOf is the header of the tokens that a key signs.
func headerOf(kid string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + kid + `","typ":"JWT"}`))
}

// byHeader is the key whose tokens begin like this, if there is one. An unknown one is no reason to look anywhere else.
func (k *Keys) byHeader(header string) (key, bool) {
	for _, candidate := range *k.loaded.Load() {
		if candidate.header == header {
			return candidate, true
		}
	}
	return key{}, false
}

// JWK is a public key as the world reads it (RFC 8037).
type JWK struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	ID    string `json:"kid"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
}

// Public are all keys that tokens may be signed with, now and soon.
func (k *Keys) Public() []JWK {
	set := []JWK{}
	for _, known := range *k.loaded.Load() {
		set = append(set, JWK{
			Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(known.public), ID: known.id, Use: "sig", Alg: "EdDSA",
		})
	}
	return set
}
