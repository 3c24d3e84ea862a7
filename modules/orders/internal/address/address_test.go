package address

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/fault"
)

func berlin() Snapshot {
	return Snapshot{Name: "Mina Park", Line1: "Torstraße 1", City: "Berlin", PostalCode: "10119", Country: "DE"}
}

func TestSnapshot_NeedsLinesThatShowSomething(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"\u200b", "\u2800", "\u3164", "\u00ad", " ", "a\nb", "a\r\nb", "a\u2028b"} {
		for pointer, line := range map[string]func(*Snapshot) *string{
			"/body/name":        func(a *Snapshot) *string { return &a.Name },
			"/body/line1":       func(a *Snapshot) *string { return &a.Line1 },
			"/body/city":        func(a *Snapshot) *string { return &a.City },
			"/body/postal_code": func(a *Snapshot) *string { return &a.PostalCode },
		} {
			a := berlin()
			*line(&a) = bad
			var invalid *fault.Error
			require.True(t, errors.As(a.clean(), &invalid), "%q", bad)
			require.Equal(t, fault.KindInvalid, invalid.Kind)
			require.Equal(t, pointer, invalid.Fields[0].Pointer)
		}
	}
	a, blank, region := berlin(), "\u200b", " Berlin\u202e\u0007 "
	a.Line2, a.Region, a.Name = &blank, &region, " Mina  Park "
	require.NoError(t, a.clean())
	require.Nil(t, a.Line2)
	require.Equal(t, "Berlin", *a.Region)
	require.Equal(t, "Mina Park", a.Name)
	a.Country = "XX"
	require.ErrorIs(t, a.clean(), errCountry)
}
