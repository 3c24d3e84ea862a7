// Package text treats what people write: it cleans it for keeping, measures it, folds it for comparing, and finds the words, hashtags
// and mentions in it.
package text

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"

	"atrium/platform/fault"
)

// bytesPerGrapheme is more than any letter of a living script or emoji needs; what exceeds it is stacked accents.
const bytesPerGrapheme = 40

// errEmpty is the detail of a required text without a visible character.
var errEmpty = errors.New("must not be empty")

// Line returns a text of one line as it is kept: NFC, every run of white space (line breaks too) as one space and none around it,
// without control characters and without the directional overrides, embeddings and isolates that would turn around the sentence that
// the text is put into. A text without a visible character becomes "". It fails where more than limit graphemes are left; its error
// can be shown to clients.
func Line(s string, limit int) (string, error) {
	s = strings.Map(func(r rune) rune {
		if isDirectional(r) {
			return -1
		}
		return r
	}, s)
	return bounded(strings.Join(strings.Fields(clean(s)), " "), limit)
}

// Block returns a text of several lines as it is kept: NFC, no white space around it, lines ended by LF, without control characters but
// LF and tab. A text without a visible character becomes "". It fails as Line does.
func Block(s string, limit int) (string, error) {
	return bounded(strings.TrimSpace(clean(s)), limit)
}

// clean drops control characters but LF and tab, makes line ends LF, and composes.
func clean(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, "\uFFFD"))
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s))
}

func bounded(s string, limit int) (string, error) {
	if Invisible(s) {
		return "", nil
	}
	// A grapheme can carry any number of marks, so bytes are bounded too.
	if len(s) > limit*bytesPerGrapheme || len(s) > limit && Length(s) > limit {
		return "", fmt.Errorf("must have at most %d characters", limit)
	}
	return s, nil
}

// Length returns the number of graphemes: characters as people see them.
func Length(s string) int { return uniseg.GraphemeClusterCount(s) }

// Invisible reports whether a text shows nothing: it is empty or consists of white space, controls and characters that have no glyph.
func Invisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.Z, unicode.Cc) && !isIgnorable(r) && !isBlank(r)
	})
}

// HasLineBreak reports whether a text has more than one line, line breaks around it not counted.
func HasLineBreak(s string) bool {
	return strings.ContainsAny(strings.TrimSpace(s), "\n\r\v\f\u0085\u2028\u2029")
}

// isBlank reports whether a character is a symbol by its category, but drawn as nothing.
func isBlank(r rune) bool {
	return r == '\u2800' || r == '\U0001D159' // the empty Braille pattern, the musical null note head
}

// isIgnorable reports whether a character only changes how its neighbours are drawn: joiners, zero-width spaces, soft hyphens,
// fillers, variation selectors, directional marks (Unicode: Default_Ignorable_Code_Point, and all of Cf).
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isDirectional reports whether a character overrides, embeds or isolates a direction, and so reaches beyond the text that it is in.
func isDirectional(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// Input is a text in a request.
type Input struct {
	Pointer  string  // where it stands: "/body/title"
	Text     *string // nil: not given
	Limit    int     // graphemes
	Required bool    // must have a visible character
	Block    bool    // may have several lines
}

// Clean brings the inputs into the form in which they are kept, in place, or returns invalid with a field for each that is too long or
// is required and shows nothing.
func Clean(invalid *fault.Error, inputs ...Input) error {
	wrong := invalid
	for _, in := range inputs {
		if in.Text == nil {
			continue
		}
		clean := Line
		if in.Block {
			clean = Block
		}
		cleaned, err := clean(*in.Text, in.Limit)
		if err == nil && in.Required && cleaned == "" {
			err = errEmpty
		}
		if err != nil {
			wrong = wrong.At(in.Pointer, err.Error())
			continue
		}
		*in.Text = cleaned
	}
	if wrong != invalid {
		return wrong
	}
	return nil
}
