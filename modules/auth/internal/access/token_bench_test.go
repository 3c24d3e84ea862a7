package access

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// The bounds that we promise. `make bench` has the exact figures; the test leaves room for a busy machine.
const (
	seenAtMost       = 20 * time.Microsecond // 50,000 a second and core
	firstSightFactor = 1.2                   // of the bare signature check
)

func (p *parts) issueMany(t testing.TB, n int) []string {
	t.Helper()
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = p.issue(t, uuid.New())
	}
	return tokens
}

// bare checks a token's signature and nothing else.
func (p *parts) bare(t testing.TB) func(token string) {
	t.Helper()
	signer, ok := p.keys.signer()
	require.True(t, ok)
	return func(token string) {
		cut := strings.LastIndexByte(token, '.')
		signature, err := base64.RawURLEncoding.DecodeString(token[cut+1:])
		if err != nil || !ed25519.Verify(signer.public, []byte(token[:cut]), signature) {
			t.Fatal("the signature is wrong")
		}
	}
}

func (p *parts) whole(t testing.TB) func(token string) {
	return func(token string) {
		if _, err := p.tokens.Authenticate(context.Background(), token); err != nil {
			t.Fatal(err)
		}
	}
}

// The medians of one run beside each other, so that what else the machine does weighs on both.
func TestAuthenticate_KeepsItsSpeed(t *testing.T) {
	p := setup(t)
	bare, whole := p.bare(t), p.whole(t)
	slack := 1.5
	if raceDetector {
		slack = 6
	}
	tokens := p.issueMany(t, 1500)
	took := func(fn func(string), token string) time.Duration {
		began := time.Now()
		fn(token)
		return time.Since(began)
	}
	var alone, first, again []time.Duration
	for _, token := range tokens {
		alone = append(alone, took(bare, token))
		first = append(first, took(whole, token))
		again = append(again, took(whole, token))
	}
	median := func(all []time.Duration) time.Duration {
		slices.Sort(all)
		return all[len(all)/2]
	}
	a, f, s := median(alone), median(first), median(again)
	t.Logf("bare signature %s, at first sight %s (%.2f times), seen before %s", a, f, float64(f)/float64(a), s)
	require.LessOrEqual(t, float64(f), float64(a)*firstSightFactor*slack, "at first sight")
	require.LessOrEqual(t, s, time.Duration(float64(seenAtMost)*slack), "seen before")
}

// Of a token that was seen before: at least 50,000 a second and core, so at most 20,000 ns.
func BenchmarkAuthenticate_Seen(b *testing.B) {
	p := setup(b)
	token, whole := p.issue(b, uuid.New()), p.whole(b)
	for b.Loop() {
		whole(token)
	}
}

// At first sight, in turn with the bare check of the same signature: "times-bare" is at most 1.2. The benchmark's own clock would
// stop the world twice for each token.
func BenchmarkAuthenticate_FirstSight(b *testing.B) {
	p := setup(b)
	bare, whole := p.bare(b), p.whole(b)
	tokens := p.issueMany(b, b.N)
	var alone, first time.Duration
	took := func(fn func(string), token string) time.Duration {
		began := time.Now()
		fn(token)
		return time.Since(began)
	}
	b.ResetTimer()
	for i, token := range tokens {
		if i%2 == 0 {
			alone += took(bare, token)
			first += took(whole, token)
		} else {
			first += took(whole, token)
			alone += took(bare, token)
		}
	}
	b.ReportMetric(float64(first)/float64(b.N), "first-ns")
	b.ReportMetric(float64(first)/float64(alone), "times-bare")
}

func BenchmarkBareSignature(b *testing.B) {
	p := setup(b)
	token, bare := p.issue(b, uuid.New()), p.bare(b)
	for b.Loop() {
		bare(token)
	}
}
