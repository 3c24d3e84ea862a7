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
	// minRefetchInterval is the least time between two requests for the provider's keys.
	minRefetchInterval = time.Minute
	// retryAfterFailure is how long we wait before we ask a provider again that did not answer.
	retryAfterFailure = 5 * time.Second
)

// errRefetchTooSoon refuses a request for the keys within minRefetchInterval of the last.
var errRefetchTooSoon = errors.New("auth: the provider's keys were fetched a moment ago")

type unreachableKey struct{}

// keySet holds the provider's public keys in memory. The library fetches them again whenever a signature does not verify;
// limitedTransport keeps strangers from making us fetch all the time.
type keySet struct{ remote *oidc.RemoteKeySet }

func newKeySet(url string) *keySet {
	client := &http.Client{Timeout: callTimeout, Transport: &limitedTransport{next: http.DefaultTransport}}
	return &keySet{remote: oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), url)}
}

// VerifySignature implements oidc.KeySet. Where the keys could not be fetched it stores the error behind the context's
// unreachableKey, because the library drops it.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, token)
	var unreachableErr unreachableError
	if unreachable, ok := ctx.Value(unreachableKey{}).(*error); ok && errors.As(err, &unreachableErr) {
		*unreachable = unreachableErr
	}
	return payload, err
}

// unreachableError says that a provider did not answer, or not with its keys.
type unreachableError struct{ error }

// Unwrap returns the transport's own error.
func (u unreachableError) Unwrap() error { return u.error }

// limitedTransport lets one request pass per minRefetchInterval, or per retryAfterFailure after a failure.
type limitedTransport struct {
	next http.RoundTripper

	mu        sync.Mutex
	notBefore time.Time
}

// RoundTrip implements http.RoundTripper.
func (l *limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	l.mu.Lock()
	tooSoon := time.Now().Before(l.notBefore)
	if !tooSoon {
		l.notBefore = time.Now().Add(minRefetchInterval)
	}
	l.mu.Unlock()
	if tooSoon {
		return nil, errRefetchTooSoon
	}
	response, err := l.next.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusOK {
		return response, nil
	}
	l.mu.Lock()
	l.notBefore = time.Now().Add(retryAfterFailure)
	l.mu.Unlock()
	if err == nil {
		_ = response.Body.Close()
		err = errors.New("auth: fetch the provider's keys: " + response.Status)
	}
	return nil, unreachableError{err}
}
