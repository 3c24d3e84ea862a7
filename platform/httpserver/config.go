package httpserver

import (
	"time"
)

// Config is the section "http" of the configuration.
type Config struct {
	Addr           string                   `koanf:"addr" validate:"required,hostname_port"`                         // of the API: "127.0.0.1:8080", ":8080"
	PrivateAddr    string                   `koanf:"private_addr" validate:"omitempty,hostname_port"`                // metrics, profiles and probes; empty: none
	PublicURL      string                   `koanf:"public_url" validate:"required,url"`                             // where clients find the API
	TrustedProxies []string                 `koanf:"trusted_proxies" validate:"dive,cidr"`                           // whose X-Forwarded-For is believed; empty: nobody's
	CORSOrigins    []string                 `koanf:"cors_origins" validate:"dive,url"`                               // browsers' origins that may call the API
	DrainTimeout   time.Duration            `koanf:"drain_timeout" validate:"min=0"`                                 // how long requests in flight may take after the stop
	DrainDelay     time.Duration            `koanf:"drain_delay" validate:"min=0"`                                   // how long the load balancer may still send requests after the stop
	MaxBody        int64                    `koanf:"max_body" validate:"min=1024"`                                   // bytes, of routes that do not say
	Timeouts       map[string]time.Duration `koanf:"timeouts" validate:"required,dive,min=0"`                        // class of a route -> time to answer; "default" for the others; 0: unlimited
	Admission      Admission                `koanf:"admission"`                                                      // how much is worked on at once, and how much may wait
	Limits         map[string]Limit         `koanf:"limits" validate:"required,dive"`                                // class of a route -> rate limit of each person or address
	MinAppVersion  string                   `koanf:"min_app_version" validate:"omitempty,semver"`                    // older apps are asked to upgrade; empty: none
	StoreLinks     map[string]string        `koanf:"store_links" validate:"dive,keys,oneof=ios android,endkeys,url"` // where to upgrade
}

// Limit is a rate: PerMinute on average, and up to Burst at once.
type Limit struct {
	PerMinute int `koanf:"per_minute" json:"per_minute" validate:"min=1"`
	Burst     int `koanf:"burst" json:"burst" validate:"min=1"`
}

// timeout is how long a route of the class may take; 0: as long as it likes.
func (c Config) timeout(class string) time.Duration {
	if d, ok := c.Timeouts[class]; ok {
		return d
	}
	return c.Timeouts["default"]
}

// limit is the rate limit of a route: of its class, else of what its method does.
func (c Config) limit(route Route) (string, Limit) {
	class := route.class()
	if limit, ok := c.Limits[class]; ok {
		return class, limit
	}
	route.Limit = ""
	return route.class(), c.Limits[route.class()]
}
