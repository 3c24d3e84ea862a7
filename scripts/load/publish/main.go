// Command publish measures what publishing to very many followers does to everybody else: readers ask for their feeds at a fixed
// rate, whatever comes back (an open loop), in pairs of a quiet stretch and one during which an author publishes.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

type settings struct {
	api     string
	tokens  []string // the first one is the author's, all others follow them
	uploads []string // the author's, ready and unused
	rate    int
	stretch time.Duration
	pairs   int
}

// What is promised.
const (
	seenWithin = 5 * time.Second
	mayGrowBy  = 0.25
	orBy       = 5 * time.Millisecond
)

func main() {
	var s settings
	people := flag.String("people", "", "file of access tokens")
	uploads := flag.String("uploads", "", "file of the author's uploads, one id a line")
	flag.StringVar(&s.api, "api", "", "of the API, without /v1")
	flag.IntVar(&s.rate, "rate", 100, "requests a second")
	flag.DurationVar(&s.stretch, "stretch", 12*time.Second, "how long each measurement takes")
	flag.IntVar(&s.pairs, "pairs", 5, "how many pairs")
	flag.Parse()
	if err := run(s, *people, *uploads); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func run(s settings, people, uploads string) error {
	raw, err := os.ReadFile(people)
	if err != nil {
		return err
	}
	var persons []struct{ Token string }
	if err := json.Unmarshal(raw, &persons); err != nil {
		return err
	}
	for _, p := range persons {
		s.tokens = append(s.tokens, p.Token)
	}
	if raw, err = os.ReadFile(uploads); err != nil {
		return err
	}
	s.uploads = strings.Fields(string(raw))

	var quiet, loud, seen []time.Duration
	for pair := range s.pairs {
		for turn := range 2 {
			publishing := (pair+turn)%2 == 1 // whichever comes first, in turns
			p95, slowest, err := s.measure(publishing)
			if err != nil {
				return err
			}
			if publishing {
				loud, seen = append(loud, p95), append(seen, slowest)
			} else {
				quiet = append(quiet, p95)
			}
		}
	}
	before, during := median(quiet), median(loud)
	fmt.Printf("p95 quiet %v, while publishing %v (medians of %d at %d requests a second); seen by everybody asked after %v at most\n",
		before.Round(10*time.Microsecond), during.Round(10*time.Microsecond), s.pairs, s.rate, slices.Max(seen).Round(time.Millisecond))
	if during > before+max(time.Duration(float64(before)*mayGrowBy), orBy) || slices.Max(seen) > seenWithin {
		return fmt.Errorf("broken: p95 may grow by %.0f %% or %v, and all see a post within %v", 100*mayGrowBy, orBy, seenWithin)
	}
	return nil
}

// measure reads feeds for a stretch and returns their p95; where the author publishes meanwhile, also how long it took at most until
// a post was in a follower's feed.
func (s *settings) measure(publishing bool) (p95, slowest time.Duration, err error) {
	var metrics vegeta.Metrics
	attacker := vegeta.NewAttacker(vegeta.KeepAlive(true), vegeta.Connections(500), vegeta.MaxBody(0))
	done := make(chan error, 1)
	go func() {
		if !publishing {
			done <- nil
			return
		}
		for range 3 {
			took, err := s.publish()
			if err != nil {
				done <- err
				return
			}
			slowest = max(slowest, took)
		}
		done <- nil
	}()
	for result := range attacker.Attack(s.target(), vegeta.Rate{Freq: s.rate, Per: time.Second}, s.stretch, "feeds") {
		metrics.Add(result)
	}
	metrics.Close()
	if err := <-done; err != nil {
		return 0, 0, err
	}
	if metrics.Success < 1 {
		return 0, 0, fmt.Errorf("%.2f %% of the requests succeeded: %v", 100*metrics.Success, metrics.Errors)
	}
	return metrics.Latencies.P95, slowest, nil
}

func (s *settings) target() vegeta.Targeter {
	return func(t *vegeta.Target) error {
		t.Method, t.URL = http.MethodGet, s.api+"/v1/feed"
		t.Header = http.Header{"Authorization": {"Bearer " + s.tokens[1+rand.IntN(len(s.tokens)-1)]}}
		return nil
	}
}

// publish makes a post and asks 30 followers again and again until each has it on top of their feed.
func (s *settings) publish() (took time.Duration, err error) {
	if len(s.uploads) == 0 {
		return 0, fmt.Errorf("the author has no photo left")
	}
	photo := s.uploads[0]
	s.uploads = s.uploads[1:]
	var post struct{ ID string }
	began := time.Now()
	if err := s.call(http.MethodPost, "/posts", s.tokens[0], map[string]any{"caption": "For everybody", "photos": []any{map[string]any{"upload_id": photo}}}, &post); err != nil {
		return 0, err
	}
	for range 30 {
		token := s.tokens[1+rand.IntN(len(s.tokens)-1)]
		for {
			var page struct{ Items []struct{ ID string } }
			if err := s.call(http.MethodGet, "/feed?limit=5", token, nil, &page); err != nil {
				return 0, err
			}
			if slices.ContainsFunc(page.Items, func(i struct{ ID string }) bool { return i.ID == post.ID }) {
				break
			}
			if time.Since(began) > 4*seenWithin {
				return 0, fmt.Errorf("a post is not in a follower's feed after %v", time.Since(began))
			}
			time.Sleep(20 * time.Millisecond)
		}
		took = time.Since(began)
	}
	return took, nil
}

func (s *settings) call(method, path, token string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, s.api+"/v1"+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	} else {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if raw, err = io.ReadAll(answer.Body); err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s answered %d: %s", method, path, answer.StatusCode, raw)
	}
	return json.Unmarshal(raw, out)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
