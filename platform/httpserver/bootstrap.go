package httpserver

import (
	"context"
	"fmt"
	"maps"
	"net/http"
)

// configPath is where apps learn, before anything else, what this server is like.
const configPath = "/v1/config"

// Bootstrap is a module's part of GET /v1/config: its members are merged into the document, so names must not clash.
type Bootstrap struct {
	Members map[string]any
}

// bootstrapDocument merges what the server and the modules tell clients.
func (s *Server) bootstrapDocument() (map[string]any, error) {
	document := map[string]any{
		"modules":         append([]string{}, s.deps.Modules...),
		"min_app_version": nullable(s.cfg.MinAppVersion),
		"store_links":     maps.Clone(s.cfg.StoreLinks),
		"limits": map[string]any{
			"body_bytes": s.cfg.MaxBody, "page_items": 50, "json_depth": maxDepth, "requests": s.cfg.Limits,
		},
	}
	for _, part := range s.deps.Bootstrap {
		for name, value := range part.Members {
			if _, taken := document[name]; taken {
				return nil, fmt.Errorf("httpserver: two parts of %s are called %q", configPath, name)
			}
			document[name] = value
		}
	}
	return document, nil
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func mountBootstrap(r *Router, document map[string]any) {
	Handle(r, Route{
		Method: http.MethodGet, Path: "/config", Name: "get-config", Access: Anonymous,
		Summary: "Returns the limits, vocabularies and modules of this server, and the oldest app it works with",
	}, func(context.Context, *struct{}) (*Answer[map[string]any], error) { return OK(document), nil })
}
