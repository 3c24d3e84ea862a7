package cache_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/cache"
)

func forAnHour(int, string) time.Duration { return time.Hour }

func TestLocal_ManyWhoAskAtOnceShareOneLoad(t *testing.T) {
	local := cache.NewLocal(t.Name(), cache.MB, forAnHour)
	var loads atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	load := func() (string, error) {
		loads.Add(1)
		close(begun)
		<-goOn
		return "one", nil
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			value, err := local.Load(1, load)
			if err != nil || value != "one" {
				t.Errorf("%q, %v", value, err)
			}
		})
	}
	<-begun
	close(goOn)
	all.Wait()
	require.EqualValues(t, 1, loads.Load())
	value, ok := local.Get(1)
	require.True(t, ok)
	require.Equal(t, "one", value)
}

func TestLocal_KeepsNoErrorAndNothingForgotten(t *testing.T) {
	local := cache.NewLocal(t.Name(), cache.MB, forAnHour)
	wrong := errors.New("wrong")
	_, err := local.Load(1, func() (string, error) { return "", wrong })
	require.ErrorIs(t, err, wrong)
	_, ok := local.Get(1)
	require.False(t, ok)

	local.Put(1, "one")
	local.Forget(1)
	value, err := local.Load(1, func() (string, error) { return "two", nil })
	require.NoError(t, err)
	require.Equal(t, "two", value)
}

func TestLocal_KeepsEachValueAsLongAsItLives(t *testing.T) {
	local := cache.NewLocal(t.Name(), cache.MB, func(key int, value string) time.Duration {
		if value == "long" {
			return time.Hour
		}
		return time.Duration(key) * time.Millisecond
	})
	local.Put(-1, "over already")
	local.Put(20, "short")
	local.Put(1, "long")
	for _, key := range []int{-1, 20} {
		require.Eventually(t, func() bool { _, ok := local.Get(key); return !ok }, 5*time.Second, time.Millisecond)
	}
	_, ok := local.Get(1)
	require.True(t, ok)
}

func TestLocal_RenewLengthensALifeAndGivesNone(t *testing.T) {
	local := cache.NewLocal(t.Name(), cache.MB, func(int, string) time.Duration { return 200 * time.Millisecond })
	local.Put(1, "one")
	local.Renew(1, time.Hour)
	local.Put(2, "two")
	local.Renew(3, time.Hour)
	require.Eventually(t, func() bool { _, ok := local.Get(2); return !ok }, 5*time.Second, time.Millisecond)
	_, ok := local.Get(1)
	require.True(t, ok)
	_, ok = local.Get(3)
	require.False(t, ok)
}
