package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ContainsWord reports whether a text has a word or phrase, in any spelling that folds to the same and with whatever punctuation
// between words, but not as a part of a longer word. In scripts that are written without spaces, or that attach endings, it may stand
// anywhere. A word without letters, digits and symbols is in no text.
func ContainsWord(s, word string) bool { return NewMatcher(s).Contains(word) }

// Matcher is a text in which many words are looked for.
type Matcher struct{ phrase string }

// NewMatcher folds the text once.
func NewMatcher(s string) Matcher { return Matcher{phrase(s)} }

// Contains is ContainsWord.
func (m Matcher) Contains(word string) bool {
	word = phrase(word)
	if word == "" {
		return false
	}
	first, size := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	for from := 0; ; {
		at := strings.Index(m.phrase[from:], word)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(m.phrase[:at])
		after, _ := utf8.DecodeRuneInString(m.phrase[at+len(word):])
		if !(continues(before) && continues(first)) && !(continues(last) && continues(after)) {
			return true
		}
		from = at + size
	}
}

// HasWords reports whether a text has anything that ContainsWord could find.
func HasWords(s string) bool { return phrase(s) != "" }

// phrase folds a text and leaves one space between its words.
func phrase(s string) string {
	return strings.Join(strings.FieldsFunc(Fold(s), func(r rune) bool { return !isWordRune(r) && !unicode.Is(unicode.S, r) }), " ")
}

func isWordRune(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) }

// continues reports whether a character makes a longer word of its neighbour.
func continues(r rune) bool { return isWordRune(r) && !isSpaceless(r) }

// isSpaceless reports whether a script is written without spaces between words, or attaches endings to them.
func isSpaceless(r rune) bool {
	return unicode.In(r, unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// QueryTerms returns the folded words of what somebody looks for: letters, marks and digits; an emoji is a word of its own.
func QueryTerms(s string) []string {
	var terms []string
	for _, run := range runs(s) {
		terms = append(terms, run...)
	}
	return terms
}

// joinedWords is how many words of a spaceless script are indexed as one.
const joinedWords = 3

// IndexTerms returns the terms by which a text is found: those of QueryTerms in their order and, after them, what people write
// together or apart: "60 cm" also as "60cm", "60cm" also as its parts, and the words of a spaceless script that follow one another
// as one ("원목 식탁" also as "원목식탁").
func IndexTerms(s string) []string {
	var terms, others []string
	for _, run := range runs(s) {
		terms = append(terms, run...)
		for i, word := range run {
			if parts := measure(word); len(parts) > 1 {
				others = append(others, parts...)
			}
			if joined := join(run[i:]); joined != word {
				others = append(others, joined)
			}
		}
	}
	slices.Sort(others)
	return append(terms, slices.Compact(others)...)
}

// runs returns the words of a text, those between which there is only white space together.
func runs(s string) [][]string {
	var all [][]string
	var run []string
	var word strings.Builder
	endWord := func() {
		if word.Len() > 0 {
			run = append(run, word.String())
			word.Reset()
		}
	}
	endRun := func() {
		endWord()
		if len(run) > 0 {
			all, run = append(all, run), nil
		}
	}
	for _, r := range Fold(s) {
		switch {
		case isWordRune(r):
			word.WriteRune(r)
		case unicode.IsSpace(r):
			endWord()
		default:
			endRun()
			if isPictograph(r) {
				all = append(all, []string{string(r)})
			}
		}
	}
	endRun()
	return all
}

// isPictograph reports whether a symbol is one that people search by: an emoji, not a trade mark sign.
func isPictograph(r rune) bool {
	return r >= 0x2190 && unicode.In(r, unicode.So, unicode.Sk) && !isBlank(r)
}

// measure splits a word that begins with a digit where digits and letters meet: "60cm" into "60" and "cm".
func measure(word string) []string {
	first, _ := utf8.DecodeRuneInString(word)
	if !unicode.IsDigit(first) {
		return nil
	}
	var parts []string
	start, digits := 0, true
	for i, r := range word {
		if unicode.IsDigit(r) != digits {
			parts = append(parts, word[start:i])
			start, digits = i, !digits
		}
	}
	return append(parts, word[start:])
}

// maxUnit is how many letters a unit of measure has at most.
const maxUnit = 3

// join returns the first word with those after it that may be written together with it.
func join(run []string) string {
	joined := run[0]
	for i, next := range run[1:min(len(run), joinedWords)] {
		last, _ := utf8.DecodeLastRuneInString(joined)
		first, _ := utf8.DecodeRuneInString(next)
		unit := i == 0 && unicode.IsDigit(last) && unicode.IsLetter(first) && utf8.RuneCountInString(next) <= maxUnit
		if !unit && !(isSpaceless(last) && isSpaceless(first)) {
			break
		}
		joined += next
	}
	return joined
}
