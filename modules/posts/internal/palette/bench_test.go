package palette

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"atrium/platform/database"
	"atrium/platform/dbtest"
)

// What the promise names: p95 below 50 ms.
const (
	benchPalettes    = 1_000_000
	benchColors      = 500
	benchConnections = 8
	benchLimit       = 50 // ms for 95 % of the searches for one colour
)

// BenchmarkSearch asks for the first page of 500 different colours over a million palettes, on eight connections: for half of them
// drawn from the palettes themselves, for the others from all colours of a screen. Then for pairs of colours: half of them stand in
// a palette together, the others most likely in none.
func BenchmarkSearch(b *testing.B) {
	db := dbtest.Clone(b)
	r := rand.New(rand.NewPCG(13, 14))
	fill(b, db, r, benchPalettes)
	search := NewSearch(NewStore(db))
	colors := func(n int) []Lab {
		palette := anyPalette(r)
		if n%2 > 0 || len(palette) < 2 {
			return []Lab{anyColor(r), anyColor(r)}
		}
		return []Lab{palette[0].Lab, palette[1].Lab}
	}
	for _, kind := range []struct {
		name            string
		colors, queries int
		limit           float64
	}{{"one", 1, benchColors, benchLimit}, {"pairs", 2, benchColors / 5, math.Inf(1)}} {
		b.Run(kind.name, func(b *testing.B) {
			queries := make([]Query, kind.queries)
			for n := range queries {
				queries[n] = Query{Tolerance: 15, Colors: colors(n)[:kind.colors]}
			}
			var times []time.Duration
			for b.Loop() {
				times = append(times, askAll(b, search, queries)...)
			}
			slices.Sort(times)
			at := func(part float64) float64 {
				return float64(times[int(part*float64(len(times)-1))].Microseconds()) / 1000
			}
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.95), "p95-ms")
			b.ReportMetric(at(1), "max-ms")
			b.ReportMetric(0, "ns/op")
			if at(0.95) >= kind.limit {
				b.Errorf("95 %% took up to %.0f ms: promised are %.0f", at(0.95), kind.limit)
			}
		})
	}
}

// askAll asks every query once, on all connections, and returns how long each took.
func askAll(b *testing.B, search *Search, queries []Query) []time.Duration {
	times := make([]time.Duration, len(queries))
	next := make(chan int)
	var all sync.WaitGroup
	for range benchConnections {
		all.Go(func() {
			for n := range next {
				began := time.Now()
				if _, err := search.Nearest(b.Context(), queries[n], Before, 21); err != nil {
					b.Error(err)
				}
				times[n] = time.Since(began)
			}
		})
	}
	for n := range queries {
		next <- n
	}
	close(next)
	all.Wait()
	return times
}

// fill copies palettes of posts that are not there: the search itself does not look at them.
func fill(b *testing.B, db *database.DB, r *rand.Rand, n int) {
	b.Helper()
	ctx := b.Context()
	var index string
	require.NoError(b, db.Conn(ctx).Raw(`SELECT indexdef FROM pg_indexes WHERE indexname = 'post_palettes_cells'`).Scan(&index).Error)
	require.NoError(b, db.Conn(ctx).Exec(`DROP INDEX post_palettes_cells`).Error)
	conn, err := db.Pool().Conn(ctx)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close()) }()
	for _, setting := range []string{"session_replication_role = replica", "statement_timeout = 0", "maintenance_work_mem = '512MB'", "synchronous_commit = off"} {
		_, err = conn.ExecContext(ctx, "SET "+setting)
		require.NoError(b, err)
	}
	require.NoError(b, conn.Raw(func(driver any) error {
		return copyPalettes(ctx, driver.(*stdlib.Conn).Conn(), r, n)
	}))
	for _, statement := range []string{index, "VACUUM ANALYZE post_palettes"} {
		_, err = conn.ExecContext(ctx, statement)
		require.NoError(b, err)
	}
}

func copyPalettes(ctx context.Context, conn *pgx.Conn, r *rand.Rand, n int) error {
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"post_palettes"}, []string{"photo_id", "post_id", "tones", "cells"},
		pgx.CopyFromSlice(n, func(int) ([]any, error) {
			tones := anyPalette(r)
			return []any{uuid.New(), uuid.New(), encode(tones), cellsOf(tones)}, nil
		}))
	return err
}
