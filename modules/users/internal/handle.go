package internal

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"atrium/platform/fault"
)

const (
	minHandle = 3
	maxHandle = 30
)

// errHandle answers a handle that cannot be one.
var errHandle = fault.Invalid("users.invalid_handle", "This cannot be a handle.")

// parseHandle reads a handle as people type it: any case and width. What is left must be plain: so letters of other
// scripts that look like Latin ones never get in.
func parseHandle(typed string) (string, error) {
	h := fold(strings.TrimPrefix(strings.TrimSpace(typed), "@"))
	switch {
	case len(h) < minHandle || len(h) > maxHandle:
		return "", errHandle.At("/body/handle", "must have 3 to 30 characters")
	case strings.ContainsFunc(h, func(r rune) bool { return !plain(r) }):
		return "", errHandle.At("/body/handle", "may have letters a-z, digits, _ and .")
	case strings.HasPrefix(h, ".") || strings.HasSuffix(h, ".") || strings.Contains(h, ".."):
		return "", errHandle.At("/body/handle", "dots stand alone and inside")
	case reserved[bare(h)]:
		return "", errHandle.At("/body/handle", "is reserved")
	}
	return h, nil
}

// skeleton is what a handle looks like: two handles with one skeleton could be mistaken for each other.
func skeleton(handle string) string { return lookalikes.Replace(fold(handle)) }

// suggestHandle makes a handle out of a name; later tries get digits, more of them each time.
func suggestHandle(name string, try int) string {
	base := strings.Map(func(r rune) rune {
		switch {
		case plain(r):
			return r
		case r == ' ' || r == '-':
			return '_'
		}
		return -1
	}, stripMarks(fold(name)))
	base = strings.Trim(base, "._")
	if len(base) > maxHandle-8 {
		base = strings.Trim(base[:maxHandle-8], "._")
	}
	if len(base) < minHandle || strings.Contains(base, "..") || reserved[bare(base)] {
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

// fold makes every way of writing the same characters one.
func fold(s string) string { return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))) }

func stripMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '.'
}

// lookalikes are the plain characters that are mistaken for one another. Wide ones are spelled out, not narrow ones drawn
// together: so "vw", "wv" and "vvv" come out as one.
var lookalikes = strings.NewReplacer("0", "o", "1", "l", "m", "rn", "w", "vv")

// bare is a handle as a reserved word is compared: dots and lines do not make another word, nor does a 1 for an i.
func bare(handle string) string {
	return strings.NewReplacer("i", "l", ".", "", "_", "").Replace(skeleton(handle))
}

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
