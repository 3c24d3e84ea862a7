// Package handle is the rules of handles: how they are spelled, which are reserved, and which are suggested for a name.
package handle

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"atrium/platform/fault"
	"atrium/platform/text"
)

const (
	minLength = 3
	maxLength = 30
)

// ErrInvalid: a text cannot be a handle. Its fields say why.
var ErrInvalid = fault.Invalid("users.invalid_handle", "This cannot be a handle.")

// Parse reads a handle as people type it, in any case and width and with or without an @, or returns ErrInvalid. Letters of other
// scripts that look like Latin ones are refused.
func Parse(typed string) (string, error) {
	h := text.CaseFold(strings.TrimPrefix(strings.TrimSpace(typed), "@"))
	switch {
	case len(h) < minLength || len(h) > maxLength:
		return "", ErrInvalid.At("/body/handle", "must have 3 to 30 characters")
	case strings.ContainsFunc(h, func(r rune) bool { return !plain(r) }):
		return "", ErrInvalid.At("/body/handle", "may have letters a-z, digits, _ and .")
	case strings.HasPrefix(h, ".") || strings.HasSuffix(h, ".") || strings.Contains(h, ".."):
		return "", ErrInvalid.At("/body/handle", "dots stand alone and inside")
	case reserved[bare(h)]:
		return "", ErrInvalid.At("/body/handle", "is reserved")
	}
	return h, nil
}

// Suggest returns a handle that resembles the name. try counts from 0; later tries get digits, more of them each time.
func Suggest(name string, try int) string {
	base := strings.Map(func(r rune) rune {
		switch {
		case plain(r):
			return r
		case r == ' ' || r == '-':
			return '_'
		}
		return -1
	}, text.Fold(name))
	base = strings.Trim(base, "._")
	if len(base) > maxLength-8 {
		base = strings.Trim(base[:maxLength-8], "._")
	}
	if len(base) < minLength || strings.Contains(base, "..") || reserved[bare(base)] {
		base, try = "user", max(try, 3)
	}
	if try == 0 {
		return base
	}
	digits := 1
	for range min(try+1, 7) {
		digits *= 10
	}
	return base + strconv.Itoa(digits/10+rand.IntN(digits-digits/10))
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '.'
}

// bare returns a handle as it is compared with reserved words: without dots and underscores, and with 1, l and i as one where it is long.
// Of short words that are alike many are names: Ali is not "all", and Mali not "mail".
func bare(handle string) string {
	word := strings.NewReplacer(".", "", "_", "").Replace(text.CaseFold(handle))
	if len(word) < longWord {
		return text.HandleSkeleton(word)
	}
	return strings.ReplaceAll(text.HandleSkeleton(word), "i", "l")
}

// longWord is the length from which i and l are one in a reserved word, in letters as they are typed.
const longWord = 5

var reserved = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields(`about abuse account accounts admin administrator all anonymous api app apple atrium auth
		billing blog bot config contact deleted docs everyone explore feed google guest health help here home info jobs legal
		login logout mail me moderator news nobody none notifications null official order orders payments policy post posts
		press privacy product products register root sales search security seller settings shop signin signout signup staff
		status store suggested support system team terms test undefined unknown user users verified webmaster www`) {
		words[bare(w)] = true
	}
	return words
}()

// IsReserved reports whether a handle is, or looks like, a word that nobody may have.
func IsReserved(handle string) bool { return reserved[bare(handle)] }
