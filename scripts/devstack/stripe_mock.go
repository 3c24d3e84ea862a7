package main

import (
	"net/http"
	"sync"

	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"
)

// stripeMock is Stripe's own stripe-mock: it forgets everything, but refuses each request that Stripe's specification does
// not know. Reading that specification takes a second, so it waits for the first request.
func stripeMock() http.Handler {
	load := sync.OnceValues(func() (*server.StubServer, error) {
		spec, err := server.LoadSpec(embedded.OpenAPISpec, "")
		if err != nil {
			return nil, err
		}
		fixtures, err := server.LoadFixtures(embedded.OpenAPIFixtures, "")
		if err != nil {
			return nil, err
		}
		return server.NewStubServer(fixtures, spec, false, false) // of its own version, which is newer than our library's
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stub, err := load()
		if err != nil {
			writeJSON(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
			return
		}
		stub.HandleRequest(w, r)
	})
}
