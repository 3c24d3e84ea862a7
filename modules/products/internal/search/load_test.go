package search_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/database"
	"atrium/platform/dbtest"
)

//go:embed testdata/world.sql
var worldSQL string

// world fills the catalogue with products.
func (s *bundle) world(products int) {
	s.TB.Helper()
	require.NoError(s.TB, s.DB.InTx(s.TB.Context(), func(ctx context.Context) error {
		conn := s.DB.Conn(ctx)
		for _, statement := range []string{"SET LOCAL statement_timeout = 0", "SET LOCAL world.products = " + strconv.Itoa(products), worldSQL} {
			if err := conn.Exec(statement).Error; err != nil {
				return err
			}
		}
		return nil
	}))
	for _, table := range []string{"product_listings", "products", "product_variants", "product_words", "product_slips", "product_tags"} {
		require.NoError(s.TB, s.DB.Conn(s.TB.Context()).Exec("VACUUM ANALYZE "+table).Error)
	}
}

// queries returns n distinct things to look for, each of which 1 to 5,000 products match: words, two words of a name, words half
// typed, and words with a letter left out.
func (s *bundle) queries(n int) []string {
	s.TB.Helper()
	var all []string
	require.NoError(s.TB, s.DB.Conn(s.TB.Context()).Raw(`WITH typed AS (
			SELECT 1 AS kind, word AS q, word || ':*' AS query, i FROM (SELECT word, row_number() OVER (ORDER BY md5(word)) AS i FROM product_words) AS w
			UNION ALL SELECT 2, split_part(name_key, ' ', 1) || ' ' || split_part(name_key, ' ', 2),
				split_part(name_key, ' ', 1) || ':* & ' || split_part(name_key, ' ', 2) || ':*', i
				FROM (SELECT name_key, row_number() OVER (ORDER BY md5(product_id::text)) AS i FROM product_listings) AS l WHERE i <= 3000
			UNION ALL SELECT 3, left(word, 5), left(word, 5) || ':*', i FROM (SELECT word, row_number() OVER (ORDER BY md5(word || 'x')) AS i FROM product_words WHERE word ~ '^[a-z]{6}$') AS w
			UNION ALL SELECT 4, left(word, 3) || substr(word, 5), word, i FROM (SELECT word, row_number() OVER (ORDER BY md5(word || 'y')) AS i FROM product_words WHERE word ~ '^[a-z]{6}$') AS w),
		chosen AS MATERIALIZED (SELECT * FROM typed WHERE i <= ?)
		SELECT q FROM (SELECT DISTINCT ON (q) q, kind, i, (SELECT count(*) FROM (SELECT 1 FROM product_listings WHERE visible AND search @@ query::tsquery LIMIT 5001) AS m) AS matches
			FROM chosen ORDER BY q, kind) AS counted
		WHERE matches BETWEEN 1 AND 5000 ORDER BY i, kind LIMIT ?`, n, n).Scan(&all).Error)
	return all
}

// figures are how long requests took, sorted.
type figures []time.Duration

func (f figures) percentile(p int) time.Duration { return f[min(len(f)-1, len(f)*p/100)] }

func (f figures) String() string {
	return fmt.Sprintf("p50 %v, p95 %v, p99 %v, max %v of %d", f.percentile(50), f.percentile(95), f.percentile(99), f[len(f)-1], len(f))
}

// answer is what a search answers, as far as the load looks at it.
type answer struct {
	Items  []struct{ Name string }
	Facets struct {
		Total       int64
		Approximate bool
	}
}

// load asks for paths at a rate, in an open loop: a request goes out when its time has come, whether the ones before are done or
// not, and its time counts from then.
func (s *bundle) load(rate int, lasts time.Duration, path func(i int) string, check func(body []byte) error) figures {
	s.TB.Helper()
	var (
		mu    sync.Mutex
		took  figures
		wrong error
		all   sync.WaitGroup
	)
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	began := time.Now()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range int(lasts.Seconds() * float64(rate)) {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		for time.Now().Before(due) {
			<-tick.C
		}
		target := s.App.URL + path(i)
		all.Go(func() {
			body, err := fetch(s.TB.Context(), client, target)
			if err == nil && check != nil {
				err = check(body)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
			if err != nil {
				wrong = fmt.Errorf("%s: %w", target, err)
			}
		})
	}
	all.Wait()
	require.NoError(s.TB, wrong)
	slices.Sort(took)
	return took
}

func fetch(ctx context.Context, client *http.Client, target string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d: %s", response.StatusCode, body)
	}
	return body, err
}

// searches makes paths of queries by Zipf's law, always the same.
func searches(queries []string) func(int) string {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(7, 7)), 1.1, 1, uint64(len(queries)-1))
	return func(int) string { return "/v1/products?q=" + url.QueryEscape(queries[zipf.Uint64()]) }
}

func sound(body []byte) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	if len(a.Items) == 0 || a.Facets.Total < int64(len(a.Items)) || a.Facets.Approximate != (a.Facets.Total > 1000) {
		return fmt.Errorf("%d items, facets %+v", len(a.Items), a.Facets)
	}
	return nil
}

func TestSearch_UnderLoad(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	s.world(1000)
	queries := s.queries(40)
	require.Len(t, queries, 40)
	t.Log(s.load(40, time.Second, searches(queries), sound))
}

// BenchmarkSearch is the promise of the catalogue's search, over 200,000 products: 1,000 distinct queries of Zipf frequency, 100 a
// second in an open loop. It fails where 95 % do not take less than 100 ms; ILIKE over the same rows stands beside it.
func BenchmarkSearch(b *testing.B) {
	const promised = 100 * time.Millisecond
	s := setup(b, func(t testing.TB) *database.DB {
		cfg := dbtest.Config(t)
		cfg.StatementTimeout = 5 * time.Minute // making the world takes its time
		return dbtest.Open(t, cfg)
	})
	s.world(200_000)
	queries := s.queries(1000)
	require.Len(b, queries, 1000)
	// New connections, empty caches: what a process just started takes is told, and not what is promised.
	b.Logf("the first 5 s: %v", s.load(100, 5*time.Second, searches(queries), sound))
	b.ResetTimer()
	for range b.N {
		took := s.load(100, 20*time.Second, searches(queries), sound)
		typed := s.load(50, 4*time.Second, func(i int) string {
			return "/v1/search/suggest?q=" + url.QueryEscape(string([]rune(queries[i%len(queries)])[:1+i%5%len([]rune(queries[i%len(queries)]))]))
		}, nil)
		var like figures
		for _, q := range queries[:40] {
			began := time.Now()
			require.NoError(b, s.DB.Conn(b.Context()).Exec(`SELECT id FROM products WHERE status = 'active' AND deleted_at IS NULL
				AND (name ILIKE '%' || ? || '%' OR description ILIKE '%' || ? || '%') ORDER BY id DESC`, q, q).Error)
			like = append(like, time.Since(began))
		}
		slices.Sort(like)
		b.Logf("search: %v", took)
		b.Logf("suggest: %v", typed)
		b.Logf("ILIKE, one at a time: %v", like)
		for name, d := range map[string]time.Duration{
			"search-p50-ms": took.percentile(50), "search-p95-ms": took.percentile(95), "suggest-p95-ms": typed.percentile(95), "ilike-p95-ms": like.percentile(95),
		} {
			b.ReportMetric(float64(d.Microseconds())/1000, name)
		}
		if took.percentile(95) >= promised || typed.percentile(95) >= promised {
			b.Errorf("95 %% of searches and suggestions should take less than %v", promised)
		}
	}
}
