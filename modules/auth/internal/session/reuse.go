package session

import (
	"time"

	"atrium/modules/auth"
)

// reuseInterval is how long after its use a refresh token may be used once more: the answer may have been lost, or two of the
// app's requests may have crossed.
const reuseInterval = 30 * time.Second

// rotate uses the refresh token of a generation. The newest one is succeeded by the next generation. Its predecessor is answered
// with that same successor again, unless this is reuse: auth.ErrRefreshReused, since two parties hold what one should.
func (s *Session) rotate(generation int64, now time.Time, ttl time.Duration) error {
	switch {
	case generation > s.Generation:
		return auth.ErrInvalidRefresh // not issued yet: the database was restored to an earlier time
	case generation == s.Generation:
		s.Generation, s.GeneratedAt, s.Confirmed = s.Generation+1, now, false
	case s.detectReuse(generation, now):
		return auth.ErrRefreshReused
	}
	s.LastSeenAt, s.ExpiresAt = now, now.Add(ttl)
	return nil
}

// detectReuse reports whether using a refresh token that has a successor is reuse: the successor has been used itself, or has
// arrived, and the token was first used more than the reuse interval ago.
func (s *Session) detectReuse(generation int64, now time.Time) bool {
	return generation < s.Generation-1 || s.Confirmed && now.Sub(s.GeneratedAt) > reuseInterval
}
