package httpserver

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"atrium/platform/fault"
)

func lane(cfg Admission) *admission {
	return newAdmission(cfg, prometheus.NewCounter(prometheus.CounterOpts{Name: "refused"}))
}

// waits puts a request of the caller where it waits.
func waits(t *testing.T, a *admission, caller string) *waiter {
	t.Helper()
	w, err := a.line(caller)
	require.NoError(t, err)
	require.NotNil(t, w)
	return w
}

func isIn(t *testing.T, w *waiter) bool {
	t.Helper()
	select {
	case err := <-w.told:
		require.NoError(t, err)
		return true
	default:
		return false
	}
}

func TestAdmission_CallersTakeTurns(t *testing.T) {
	t.Parallel()
	a := lane(Admission{AtOnce: 1, Waiting: 10, Wait: time.Hour})
	require.NoError(t, a.enter(t.Context(), "ana"))
	ana, again := waits(t, a, "ana"), waits(t, a, "ana")
	ben := waits(t, a, "ben")
	for _, next := range []*waiter{ana, ben, again} {
		a.leave()
		require.True(t, isIn(t, next))
	}
	a.leave()
	require.Zero(t, a.working+a.waiting+len(a.queues)+a.turns.Len(), "nothing is left behind")
}

func TestAdmission_WhoWaitsForMostMakesRoom(t *testing.T) {
	t.Parallel()
	a := lane(Admission{AtOnce: 1, Waiting: 3, Wait: time.Hour})
	require.NoError(t, a.enter(t.Context(), "ana"))
	first, second, third := waits(t, a, "ana"), waits(t, a, "ana"), waits(t, a, "ana")
	require.ErrorIs(t, a.enter(t.Context(), "ana"), errOverloaded, "nobody waits for more")
	ben := waits(t, a, "ben")
	require.ErrorIs(t, <-third.told, errOverloaded)
	require.ErrorIs(t, a.enter(t.Context(), "ben"), errOverloaded, "he would wait for as much as she")
	carl := waits(t, a, "carl")
	require.ErrorIs(t, <-second.told, errOverloaded)
	for _, next := range []*waiter{first, ben, carl} {
		a.leave()
		require.True(t, isIn(t, next))
	}
}

func TestAdmission_NobodyWaitsLong(t *testing.T) {
	t.Parallel()
	a := lane(Admission{AtOnce: 1, Waiting: 3, Wait: time.Millisecond})
	require.NoError(t, a.enter(t.Context(), "ana"))
	err := a.enter(t.Context(), "ben")
	require.ErrorIs(t, err, errOverloaded)
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.GreaterOrEqual(t, f.RetryAfter, time.Second)
	a.leave()
	require.NoError(t, a.enter(t.Context(), "ben"), "who gave up holds no place")
}

func TestAdmission_WhatLeftForAWhileIsWorkedOnAgain(t *testing.T) {
	t.Parallel()
	a := lane(Admission{AtOnce: 1, Waiting: 3, Wait: time.Hour})
	require.NoError(t, a.enter(t.Context(), "ana"))
	ben := waits(t, a, "ben")
	a.leave() // her body is on its way
	require.True(t, isIn(t, ben))
	a.reenter()
	carl := waits(t, a, "carl")
	a.leave()
	require.False(t, isIn(t, carl), "one is being worked on still")
	a.leave()
	require.True(t, isIn(t, carl))
}

func TestAdmission_OfNoneEverybodyComesIn(t *testing.T) {
	t.Parallel()
	a := lane(Admission{})
	for range 1000 {
		require.NoError(t, a.enter(t.Context(), "ana"))
	}
}
