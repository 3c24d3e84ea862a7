// Package secret holds values that must never be printed.
package secret

const hidden = "[hidden]"

// Text is a secret string: every way of printing it gives "[hidden]". Reveal is the one door.
type Text string

// Reveal returns the secret itself.
func (t Text) Reveal() string { return string(t) }

// String hides the secret; an empty one stays empty, so that "not set" can be seen.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (t Text) GoString() string { return t.String() }

// MarshalText hides the secret from JSON, YAML and structured logs.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText takes the secret in.
func (t *Text) UnmarshalText(b []byte) error { *t = Text(b); return nil }
