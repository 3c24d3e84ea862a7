package channel

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFault_N2_TimeZonesAreThoseOfPeople(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for typed, want := range map[string]string{
		"Europe/Berlin": "Europe/Berlin", "europe/berlin": "Europe/Berlin", "ASIA/SEOUL": "Asia/Seoul", "america/port-au-prince": "America/Port-au-Prince",
		"America/Argentina/Buenos_Aires": "America/Argentina/Buenos_Aires", "utc": "UTC", "GMT": "GMT", "Etc/GMT-9": "Etc/GMT-9", " Asia/Kolkata ": "Asia/Kolkata",
		"GMT+09:00": "Etc/GMT-9", "gmt+9": "Etc/GMT-9", "UTC-05:00": "Etc/GMT+5", "+0900": "Etc/GMT-9", "GMT+14:00": "Etc/GMT-14", "GMT-00:00": "UTC",
		"GMT+05:30": "GMT+05:30", "UTC-0930": "GMT-09:30", "GMT-13:00": "GMT-13:00",
	} {
		name, ok := parseZone(typed)
		require.True(t, ok, typed)
		require.Equal(t, want, name, typed)
		again, ok := parseZone(name)
		require.True(t, ok)
		require.Equal(t, name, again, "what is kept is understood")
	}
	for _, none := range []string{"Local", "local", "posixrules", "right/UTC", "posix/UTC", "localtime", "Factory", "", "Europe/Nowhere", "GMT+15:00", "GMT+9:75", "+", "../etc/passwd", "tzdata.zi"} {
		_, ok := parseZone(none)
		require.False(t, ok, none)
		require.Equal(t, time.UTC, LoadZone(none), none)
	}
	for name, hours := range map[string]float64{"GMT+09:00": 9, "GMT+05:30": 5.5, "UTC-0930": -9.5, "europe/berlin": 1, "Asia/Seoul": 9, "GMT-13:00": -13} {
		_, seconds := at.In(LoadZone(name)).Zone()
		require.InDelta(t, hours, float64(seconds)/3600, 0.001, name)
	}
	for name := range strings.Lines(zoneNames) {
		_, err := time.LoadLocation(strings.TrimSpace(name))
		require.NoError(t, err, name)
	}
}
