package terms

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Listings that a build before has written hold words by the fold that it had. Until they are folded anew they are searched by those words,
// too.

// Former returns the words of what somebody looks for by the former fold; none where they are those of Typed.
func Former(s string) []string {
	words := bounded(strings.FieldsFunc(formerFold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	if slices.Equal(words, Typed(s)) {
		return nil
	}
	return words
}

// FormerKey returns a text's key by the former fold; "" where it is that of Key.
func FormerKey(s string) string { return strings.Join(Former(s), " ") }

func formerFold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(strings.ToLower(norm.NFKC.String(s))))
	return formerLetters.Replace(norm.NFC.String(s))
}

var formerLetters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i")
