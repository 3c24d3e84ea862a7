package blob

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

func newCDN(t testing.TB) *CDN {
	t.Helper()
	cdn, err := NewCDN(CDNConfig{
		URL:        stacktest.Env(t, "ATRIUM_CDN_URL"),
		KeyPairID:  stacktest.Env(t, "ATRIUM_CDN_KEY_PAIR_ID"),
		PrivateKey: secret.Text(stacktest.Env(t, "ATRIUM_CDN_PRIVATE_KEY")),
	})
	require.NoError(t, err)
	return cdn
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(content)
}

func TestCDN(t *testing.T) {
	t.Parallel()
	t.Run("public files need no signature", func(t *testing.T) {
		s, prefix := setup(t)
		key := "public/" + prefix + "200.webp"
		put(t, s, key, "picture")
		status, body := fetch(t, newCDN(t).Public(key))
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "picture", body)
	})

	t.Run("one signature opens all files of a prefix and no other", func(t *testing.T) {
		s, prefix := setup(t)
		cdn := newCDN(t)
		for _, key := range []string{"a/200.webp", "a/640.jpeg", "b/200.webp"} {
			put(t, s, prefix+key, key)
		}
		query, expires, err := cdn.SignPrefix(prefix+"a/", time.Hour)
		require.NoError(t, err)
		require.WithinRange(t, expires, time.Now().Add(30*time.Minute-time.Second), time.Now().Add(time.Hour))
		for key, want := range map[string]int{
			"a/200.webp": http.StatusOK, "a/640.jpeg": http.StatusOK, "b/200.webp": http.StatusForbidden,
		} {
			status, _ := fetch(t, cdn.Public(prefix+key)+"?"+query)
			require.Equal(t, want, status, key)
			status, _ = fetch(t, cdn.Public(prefix+key))
			require.Equal(t, http.StatusForbidden, status, "unsigned %s", key)
		}
	})

	t.Run("an expired signature opens nothing", func(t *testing.T) {
		s, prefix := setup(t)
		cdn := newCDN(t)
		put(t, s, prefix+"200.webp", "picture")
		for expires, want := range map[time.Time]int{
			time.Now().Add(time.Minute): http.StatusOK, time.Now().Add(-time.Second): http.StatusForbidden,
		} {
			query, err := cdn.sign(grant{prefix, expires.Unix()})
			require.NoError(t, err)
			status, _ := fetch(t, cdn.Public(prefix+"200.webp")+"?"+query)
			require.Equal(t, want, status)
		}
	})

	t.Run("all instances give the same signature in a window", func(t *testing.T) {
		t.Parallel()
		first, firstEnd, err := newCDN(t).SignPrefix("photos/1/", 24*time.Hour)
		require.NoError(t, err)
		second, secondEnd, err := newCDN(t).SignPrefix("photos/1/", 24*time.Hour)
		require.NoError(t, err)
		if firstEnd.Equal(secondEnd) { // else a window ended between the two lines
			require.Equal(t, first, second)
		}
	})

	t.Run("a prefix that would open more than it says is refused", func(t *testing.T) {
		t.Parallel()
		for _, prefix := range []string{"", "*", "photos/?/", `photos/"`} {
			_, _, err := newCDN(t).SignPrefix(prefix, time.Hour)
			require.Error(t, err, prefix)
		}
	})
}

func TestWindowEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.String().Draw(t, "prefix")
		ttl := 2 * time.Second * time.Duration(rapid.Int64Range(1, 100_000).Draw(t, "half ttl"))
		now := time.Unix(rapid.Int64Range(1_700_000_000, 4_000_000_000).Draw(t, "now"), 0)
		left := windowEnd(now, prefix, ttl).Sub(now)
		if left <= ttl/2 || left > ttl {
			t.Fatalf("%s left of %s", left, ttl)
		}
		later := now.Add(left - ttl/2 - time.Second)
		if !windowEnd(later, prefix, ttl).Equal(now.Add(left)) {
			t.Fatalf("the window ends early")
		}
	})
}

func TestNewCDN(t *testing.T) {
	t.Parallel()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(curve)
	require.NoError(t, err)
	for name, key := range map[string]string{
		"not PEM": "nonsense",
		"no key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("nonsense")})),
		"not RSA": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	} {
		_, err := NewCDN(CDNConfig{URL: "http://cdn", KeyPairID: "K", PrivateKey: secret.Text(key)})
		require.ErrorContains(t, err, "private key", name)
		require.NotContains(t, err.Error(), "nonsense")
	}
}

func BenchmarkSignPrefix(b *testing.B) {
	cdn := newCDN(b)
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := cdn.SignPrefix("photos/0194d7b0-0000-7000-8000-000000000001/", time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("fresh", func(b *testing.B) {
		for b.Loop() {
			if _, err := cdn.sign(grant{"photos/1/", 4_000_000_000}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func newInvalidator(t *testing.T, distribution, secretKey string) *Invalidator {
	t.Helper()
	i, err := NewInvalidator(
		CDNConfig{Endpoint: stacktest.Env(t, "ATRIUM_CDN_ENDPOINT"), DistributionID: distribution},
		Config{AccessKeyID: stacktest.Env(t, "ATRIUM_S3_ACCESS_KEY_ID"), SecretAccessKey: secret.Text(secretKey)})
	require.NoError(t, err)
	return i
}

func TestInvalidate(t *testing.T) {
	s, prefix := setup(t)
	cdn, folder := newCDN(t), "public/"+prefix
	distribution, secretKey := stacktest.Env(t, "ATRIUM_CDN_DISTRIBUTION_ID"), stacktest.Env(t, "ATRIUM_S3_SECRET_ACCESS_KEY")
	i := newInvalidator(t, distribution, secretKey)
	one, other := folder+"a b/é.webp", folder+"640.webp"
	status := func(key string) int {
		u, err := url.Parse(cdn.Public(key))
		require.NoError(t, err)
		got, _ := fetch(t, u.String())
		return got
	}
	for _, key := range []string{one, other} {
		put(t, s, key, "picture")
		require.Equal(t, http.StatusOK, status(key))
		require.NoError(t, s.Delete(t.Context(), key))
	}
	require.Equal(t, http.StatusOK, status(one), "the CDN remembers what the bucket has forgotten")
	require.NoError(t, i.Invalidate(t.Context(), one, folder+"never-served"))
	require.Equal(t, http.StatusNotFound, status(one))
	require.Equal(t, http.StatusOK, status(other), "the others are left alone")
	require.NoError(t, i.Invalidate(t.Context()), "nothing is no request")

	require.Error(t, newInvalidator(t, distribution, "another key").Invalidate(t.Context(), other), "a stranger may not")
	require.Error(t, newInvalidator(t, "ANOTHER", secretKey).Invalidate(t.Context(), other))
	require.Equal(t, http.StatusOK, status(other))
}
