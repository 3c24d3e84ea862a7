package terms

import (
	"strings"
	"unicode/utf8"
)

// digraphs are letters that fold writes as two: a slip of the finger on one of them changes both.
var digraphs = []struct{ letter, letters string }{{"ß", "ss"}, {"æ", "ae"}, {"œ", "oe"}, {"þ", "th"}}

// Spellings are words as they are and with each kind of such a pair as the one letter that it may have been, and beside each
// spelling the word that it spells.
func Spellings(words []string) (spelled, of []string) {
	for _, word := range words {
		spelled, of = append(spelled, word), append(of, word)
		for _, pair := range digraphs {
			if strings.Contains(word, pair.letters) {
				spelled, of = append(spelled, strings.ReplaceAll(word, pair.letters, pair.letter)), append(of, word)
			}
		}
	}
	return spelled, of
}

// tolerance is how many slips of the finger a word of that length may have.
func tolerance(runes int) int {
	switch {
	case runes < 4:
		return 0
	case runes < 8:
		return 1
	default:
		return 2
	}
}

// IsSlipOf reports whether somebody who typed typed may have meant word or its beginning: the distance (letters wrong,
// missing, too many, or two swapped) to some beginning of word, in one of its spellings, is within tolerance.
func IsSlipOf(typed, word string) bool {
	limit := tolerance(utf8.RuneCountInString(typed))
	if within(limit, typed, word) {
		return true
	}
	for _, pair := range digraphs {
		if strings.Contains(word, pair.letters) &&
			within(limit, strings.ReplaceAll(typed, pair.letters, pair.letter), strings.ReplaceAll(word, pair.letters, pair.letter)) {
			return true
		}
	}
	return false
}

// within reports whether some beginning of word is at most limit slips of the finger from typed.
func within(limit int, typed, word string) bool {
	a, b := []rune(typed), []rune(word)
	if limit == 0 || len(b) < len(a)-limit {
		return false
	}
	b = b[:min(len(b), len(a)+limit)]
	var before, previous []int
	current := make([]int, len(b)+1)
	for j := range current {
		current[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, previous, current = previous, current, make([]int, len(b)+1)
		current[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
	}
	for _, distance := range current[max(0, len(a)-limit):] {
		if distance <= limit {
			return true
		}
	}
	return false
}
