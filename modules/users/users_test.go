package users_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/users"
)

func TestQuietUntil(t *testing.T) {
	t.Parallel()
	night, siesta := users.Contact{QuietFrom: "22:00", QuietTo: "07:00"}, users.Contact{QuietFrom: "13:00", QuietTo: "15:00"}
	at := func(clock string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", "2026-03-10 "+clock, time.FixedZone("", 9*3600))
		require.NoError(t, err)
		return when
	}
	for clock, want := range map[string]time.Time{"21:59": {}, "22:00": at("07:00").AddDate(0, 0, 1), "23:30": at("07:00").AddDate(0, 0, 1), "00:10": at("07:00"), "06:59": at("07:00"), "07:00": {}} {
		require.Equal(t, want, night.QuietUntil(at(clock)), clock)
	}
	require.Equal(t, at("15:00"), siesta.QuietUntil(at("14:59")))
	require.Zero(t, siesta.QuietUntil(at("15:00")))
	require.Zero(t, users.Contact{}.QuietUntil(at("03:00")))
	require.Zero(t, users.Contact{QuietFrom: "22:00", QuietTo: "22:00"}.QuietUntil(at("03:00")), "as older settings may say")
}
