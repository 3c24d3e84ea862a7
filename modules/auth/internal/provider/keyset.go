package provider

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// refreshPause is how often an unknown key id makes us ask for the provider's keys, at most.
	refreshPause = time.Minute
	// failurePause is how long a provider is left alone that did not answer.
	failurePause = 5 * time.Second
)

// errAskedAlready stops a refresh of the keys that would come too soon.
var errAskedAlready = errors.New("the provider's keys were asked for a moment ago")

type unreachableKey struct{}

// keySet are the provider's public keys, kept in memory. The library asks for them again whenever a signature does not fit;
// brake sees to it that strangers cannot make us ask all the time.
type keySet struct{ remote *oidc.RemoteKeySet }

func newKeySet(url string) *keySet {
	client := &http.Client{Timeout: callTimeout, Transport: &brake{next: http.DefaultTransport}}
	return &keySet{remote: oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), url)}
}

// VerifySignature is for the library. It notes in the context where the keys could not be had at all, which the library forgets.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, token)
	var broken brokenError
	if unreachable, ok := ctx.Value(unreachableKey{}).(*error); ok && errors.As(err, &broken) {
		*unreachable = broken
	}
	return payload, err
}

// brokenError is a provider that does not answer as it should.
type brokenError struct{ error }

// Unwrap returns the transport's own error.
func (b brokenError) Unwrap() error { return b.error }

// brake lets one request through a minute.
type brake struct {
	next http.RoundTripper

	mu   sync.Mutex
	free time.Time
}

// RoundTrip implements http.RoundTripper.
func (b *brake) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	early := time.Now().Before(b.free)
	if !early {
		b.free = time.Now().Add(refreshPause)
	}
	b.mu.Unlock()
	if early {
		return nil, errAskedAlready
	}
	response, err := b.next.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusOK {
		return response, nil
	}
	b.mu.Lock()
	b.free = time.Now().Add(failurePause)
	b.mu.Unlock()
	if err == nil {
		_ = response.Body.Close()
		err = errors.New("the provider's keys: " + response.Status)
	}
	return nil, brokenError{err}
}
