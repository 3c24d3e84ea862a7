// Package photo is the API's Photo: one shape, used by every module that shows a picture.
package photo

import (
	"time"

	"github.com/google/uuid"
)

// Photo is a picture as clients see it. Src is a URL template with {size} and {format}; put in one of Sizes
// (long edge in pixels, ascending) and one of Formats. One signature covers all of a photo's files.
type Photo struct {
	ID            uuid.UUID  `json:"id"`
	Width         int        `json:"width" doc:"pixels, upright"`
	Height        int        `json:"height" doc:"pixels, upright"`
	Alt           string     `json:"alt" example:"A walnut shelf beside a window"`
	Blurhash      string     `json:"blurhash" example:"LEHV6nWB2yk8pyo0adR*.7kCMdnj"`
	DominantColor string     `json:"dominant_color" doc:"#rrggbb" example:"#c9b79c"`
	Palette       []Swatch   `json:"palette,omitempty" doc:"at most 6, weights sum to 1, largest first; lists leave it out"`
	Src           string     `json:"src" doc:"URL template with {size} and {format}" example:"https://cdn.example.com/p/7d/k3v9/{size}.{format}"`
	Sizes         []int      `json:"sizes" example:"[200,640,1080,2048]"`
	Formats       []string   `json:"formats" example:"[\"webp\",\"jpg\"]"`
	URLsExpireAt  *time.Time `json:"urls_expire_at" doc:"null where the URLs never expire"`
}

// Swatch is one colour of a palette: "#rrggbb" and its share of the picture in 0..1.
type Swatch struct {
	Color  string  `json:"color" example:"#c9b79c"`
	Weight float64 `json:"weight"`
}

// Brief returns the photo as lists show it: without the palette.
func (p Photo) Brief() Photo { p.Palette = nil; return p }
