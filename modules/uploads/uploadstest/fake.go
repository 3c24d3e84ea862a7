// Package uploadstest stands for package uploads in other modules' tests.
package uploadstest

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/platform/photo"
)

// Library is an uploads.Library and an uploads.Importer in memory. It does not take part in transactions. Safe for concurrent use.
type Library struct {
	mu     sync.Mutex
	photos map[uuid.UUID]*entry
}

type entry struct {
	owner    uuid.UUID
	ready    bool
	used     bool
	alt      string
	audience uploads.Audience
	palette  []uploads.Tone
}

var (
	_ uploads.Library  = (*Library)(nil)
	_ uploads.Importer = (*Library)(nil)
)

// The colours of a photo that nothing else is said of: #c9b79c and #2f4f4f.
var (
	sand  = uploads.Tone{L: 75.26, A: 2.10, B: 16.06, Weight: 0.75}
	slate = uploads.Tone{L: 31.26, A: -11.72, B: -3.73, Weight: 0.25}
)

// NewLibrary makes an empty Library.
func NewLibrary() *Library { return &Library{photos: map[uuid.UUID]*entry{}} }

// Add makes a ready, unused photo of the owner.
func (l *Library) Add(owner uuid.UUID) uuid.UUID { return l.add(owner, true) }

// AddColored makes a ready, unused photo of the owner with these colours.
func (l *Library) AddColored(owner uuid.UUID, palette ...uploads.Tone) uuid.UUID {
	id := l.add(owner, true)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.photos[id].palette = palette
	return id
}

// AddUnready makes an upload that cannot be claimed yet.
func (l *Library) AddUnready(owner uuid.UUID) uuid.UUID { return l.add(owner, false) }

func (l *Library) add(owner uuid.UUID, ready bool) uuid.UUID {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := uuid.Must(uuid.NewV7())
	l.photos[id] = &entry{owner: owner, ready: ready, audience: uploads.Some, palette: []uploads.Tone{sand, slate}}
	return id
}

// Used reports whether a photo is there and claimed.
func (l *Library) Used(id uuid.UUID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.photos[id]
	return e != nil && e.used
}

// Audience returns who may open a photo's files, or "" for one that is gone.
func (l *Library) Audience(id uuid.UUID) uploads.Audience {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.photos[id]; e != nil {
		return e.audience
	}
	return ""
}

// Claim satisfies uploads.Library.
func (l *Library) Claim(_ context.Context, c uploads.Claim) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong := uploads.ErrNotUsable
	seen := map[uuid.UUID]bool{}
	for i, id := range c.Uploads {
		if e := l.photos[id]; e == nil || e.owner != c.Owner || !e.ready || e.used || seen[id] {
			wrong = wrong.At(c.At(i), "The upload cannot be used.")
		}
		seen[id] = true
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	for i, id := range c.Uploads {
		e := l.photos[id]
		e.used, e.audience = true, c.Audience
		if c.Alts != nil {
			e.alt = c.Alts[i]
		}
	}
	return nil
}

// Release satisfies uploads.Library.
func (l *Library) Release(_ context.Context, photos []uuid.UUID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range photos {
		delete(l.photos, id)
	}
	return nil
}

// SetAudience satisfies uploads.Library.
func (l *Library) SetAudience(_ context.Context, photos []uuid.UUID, audience uploads.Audience) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range photos {
		if e := l.photos[id]; e != nil {
			e.audience = audience
		}
	}
	return nil
}

// Photos satisfies uploads.Library.
func (l *Library) Photos(_ context.Context, photos []uuid.UUID) (map[uuid.UUID]photo.Photo, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[uuid.UUID]photo.Photo{}
	for _, id := range photos {
		e := l.photos[id]
		if e == nil || !e.ready {
			continue
		}
		found[id] = photo.Photo{
			ID: id, Width: 1600, Height: 1200, Alt: e.alt, Blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj", DominantColor: "#c9b79c",
			Palette: []photo.Swatch{{Color: "#c9b79c", Weight: 0.75}, {Color: "#2f4f4f", Weight: 0.25}},
			Src:     "https://cdn.test/public/" + id.String() + "/{size}.{format}", Sizes: []int{200, 640, 1080, 1600}, Formats: []string{"webp", "jpeg"},
		}
	}
	return found, nil
}

// Palettes satisfies uploads.Library.
func (l *Library) Palettes(_ context.Context, photos []uuid.UUID) (map[uuid.UUID][]uploads.Tone, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[uuid.UUID][]uploads.Tone{}
	for _, id := range photos {
		if e := l.photos[id]; e != nil && e.ready {
			found[id] = slices.Clone(e.palette)
		}
	}
	return found, nil
}

// Import satisfies uploads.Importer: the photo is there at once.
func (l *Library) Import(_ context.Context, owner uuid.UUID, _ string) (uuid.UUID, error) {
	id := l.add(owner, true)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.photos[id].used, l.photos[id].audience = true, uploads.Everybody
	return id, nil
}
