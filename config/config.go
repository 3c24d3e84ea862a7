// Package config is everything that can be set about Atrium, in one typed struct: defaults (package defaults), then a file,
// then the environment. ATRIUM_HTTP_ADDR sets http.addr, and so on.
package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"slices"
	"sync"

	"atrium/config/defaults"
	"atrium/modules/auth"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/blob"
	"atrium/platform/bucketevents"
	"atrium/platform/database"
	"atrium/platform/download"
	"atrium/platform/httpserver"
	"atrium/platform/keys"
	"atrium/platform/logging"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/push"
	"atrium/platform/secret"
	"atrium/platform/tasks"
	"atrium/platform/telemetry"
)

// Config is the whole configuration. Each module's section is the module's own Config type.
type Config struct {
	Modules   Modules             `koanf:"modules"`
	HTTP      httpserver.Config   `koanf:"http"`
	Database  database.Config     `koanf:"database"`
	Redis     Redis               `koanf:"redis"`
	Keys      keys.Config         `koanf:"keys"`
	Outbox    outbox.Config       `koanf:"outbox"`
	Tasks     tasks.Config        `koanf:"tasks"`
	S3        blob.Config         `koanf:"s3"`
	CDN       blob.CDNConfig      `koanf:"cdn"`
	SQS       bucketevents.Config `koanf:"sqs"`
	Download  download.Config     `koanf:"download"`
	Mail      mail.Config         `koanf:"mail"`
	Push      push.Config         `koanf:"push"`
	Payment   payment.Config      `koanf:"payment"`
	Log       logging.Config      `koanf:"log"`
	Telemetry telemetry.Config    `koanf:"telemetry"`

	Auth     auth.Config     `koanf:"auth"`
	Users    users.Config    `koanf:"users"`
	Uploads  uploads.Config  `koanf:"uploads"`
	Posts    posts.Config    `koanf:"posts"`
	Products products.Config `koanf:"products"`
	Orders   orders.Config   `koanf:"orders"`

	// Notices are sentences for the log about settings that work but will not for ever.
	Notices []string
}

// Redis says where Redis is. What it holds can always be made again.
type Redis struct {
	URL secret.Text `koanf:"url" validate:"required"`
}

// Switch is on or off.
type Switch bool

// The two positions.
const (
	On  Switch = true
	Off Switch = false
)

// UnmarshalText reads on and off, and what YAML makes of them.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on", "true", "1":
		*s = On
	case "off", "false", "0":
		*s = Off
	default:
		return fmt.Errorf("neither on nor off")
	}
	return nil
}

// MarshalText writes on or off.
func (s Switch) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is on or off.
func (s Switch) String() string {
	if s {
		return "on"
	}
	return "off"
}

// Modules says of each module whether it is on. A module is on unless said otherwise.
type Modules map[string]*Switch

// On reports whether the module is on.
func (m Modules) On(name string) bool { return m[name] != nil && bool(*m[name]) }

// placeholders stand in for what only a running server needs.
//
//go:embed offline.yaml
var placeholders []byte

// Load reads defaults, the file (none if path is empty) and the environment ("KEY=value"). modules names all that exist.
// Everything wrong is reported at once, as Faults.
func Load(modules []string, path string, environ []string) (*Config, error) {
	return read(modules, path, environ, layer{"the defaults", defaults.YAML})
}

// LoadOffline is Load for commands that need no server (modules, openapi): required settings have placeholders.
func LoadOffline(modules []string, path string, environ []string) (*Config, error) {
	return read(modules, path, environ, layer{"the defaults", defaults.YAML}, layer{"the placeholders", placeholders}, layer{"the placeholders", placeholderKey()})
}

// placeholderKey makes an RSA key that signs nothing, once: one in a file would look like a secret.
var placeholderKey = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("config: " + err.Error()) // crypto/rand never fails
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return fmt.Appendf(nil, "cdn: {private_key: %q}", text)
})

func read(modules []string, path string, environ []string, layers ...layer) (*Config, error) {
	cfg := &Config{Modules: Modules{}}
	for _, name := range modules {
		on := On
		cfg.Modules[name] = &on
	}
	if path != "" {
		file, err := fileLayer(path)
		if err != nil {
			return nil, err
		}
		layers = append(slices.Clip(layers), file)
	}
	notices, err := load(cfg, layers, environ)
	if err != nil {
		return nil, err
	}
	cfg.Notices = notices
	return cfg, nil
}
