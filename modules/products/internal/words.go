package internal

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The same folding makes the words that products are found by and the words that people look for, so that PostgreSQL's own
// parsers and locales have no say in it.

// maxWords bounds what one text gives to the index, and what one search asks for.
const (
	maxWords       = 400
	maxSearchWords = 10
	maxWordRunes   = 40
)

var unaccented = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i")

// fold lowers a text and takes the accents off: "Décor" and "DECOR" are both "decor". Korean stays whole.
func fold(text string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(norm.NFKC.String(text))) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return unaccented.Replace(norm.NFC.String(b.String()))
}

// wordsOf splits a text into folded words of letters and digits only, at most maxWords.
func wordsOf(text string) []string {
	words := strings.FieldsFunc(fold(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	words = words[:min(len(words), maxWords)]
	for i, word := range words {
		if runes := []rune(word); len(runes) > maxWordRunes {
			words[i] = string(runes[:maxWordRunes])
		}
	}
	return words
}

// text is what a product is found by.
type text struct {
	heading string   // a tsvector literal: name, brand, category, tags and materials, with places and weights to rank by
	whole   string   // a tsvector literal of all words: it only matches
	words   []string // each once, with those of the options of its variants and of the description
}

// textOf writes down what a product is found by. Words are letters and digits, so nothing needs escaping.
func textOf(p *Product, category string) text {
	var t text
	seen := map[string]bool{}
	take := func(part string) []string {
		words := wordsOf(part)
		for _, word := range words {
			if !seen[word] {
				seen[word] = true
				t.words = append(t.words, word)
			}
		}
		return words
	}
	var heading strings.Builder
	position := 1
	head := func(part, weight string) {
		for _, word := range take(part) {
			heading.WriteString("'" + word + "':" + strconv.Itoa(position) + weight + " ")
			position++
		}
	}
	head(p.Name, "A")
	head(strings.Join(slices.Concat([]string{p.Brand, category}, p.Tags, p.Materials), " "), "B")
	t.heading = heading.String()
	for _, v := range p.Variants {
		for _, option := range slices.Sorted(maps.Keys(v.Options)) {
			take(v.Options[option])
		}
	}
	take(p.Description)
	if len(t.words) > 0 {
		t.whole = "'" + strings.Join(t.words, "' '") + "'"
	}
	return t
}

// key is a text as its folded words: what names and brands are compared by.
func key(text string) string { return strings.Join(wordsOf(text), " ") }

// sense is what a typed word may stand for.
type sense struct {
	Begun  []string // the words that begin with it; none where they are many, or where there is none
	Others []string // words that contain it, or, where none begins with it, that it may be a slip of
}

// typedQuery writes a tsquery literal: every word must be found, as the beginning of a word.
func typedQuery(words []string) string {
	parts := make([]string, len(words))
	for i, word := range words {
		parts[i] = "'" + word + "':*"
	}
	return strings.Join(parts, " & ")
}

// matchQuery writes a tsquery literal: every word must be found, in one of its senses. Whole words cost an index a tenth of what the
// beginnings of words do: it can skip where it knows where to.
func matchQuery(words []string, senses map[string]sense) string {
	return strings.Join(optionsOf(words, senses), " & ")
}

// anyQuery is matchQuery where one of the words is enough.
func anyQuery(words []string, senses map[string]sense) string {
	return strings.Join(optionsOf(words, senses), " | ")
}

func optionsOf(words []string, senses map[string]sense) []string {
	parts := make([]string, len(words))
	for i, word := range words {
		s := senses[word]
		var options []string
		if len(s.Begun) == 0 {
			options = append(options, "'"+word+"':*")
		}
		for _, whole := range slices.Concat(s.Begun, s.Others) {
			options = append(options, "'"+whole+"'")
		}
		parts[i] = "(" + strings.Join(options, " | ") + ")"
	}
	return parts
}

// spelledOut are letters that fold writes as two: a slip of the finger on one of them changes both.
var spelledOut = []struct{ letter, letters string }{{"ß", "ss"}, {"æ", "ae"}, {"œ", "oe"}, {"þ", "th"}}

// spellingsOf are words as they are and with each kind of such a pair as the one letter that it may have been, and beside each
// spelling the word that it spells.
func spellingsOf(words []string) (spelled, of []string) {
	for _, word := range words {
		spelled, of = append(spelled, word), append(of, word)
		for _, pair := range spelledOut {
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

// meant reports whether somebody who typed typed may have meant word, or begun to type it: the distance (letters wrong,
// missing, too many, or two swapped) to some beginning of word, in one of its spellings, is within tolerance.
func meant(typed, word string) bool {
	limit := tolerance(utf8.RuneCountInString(typed))
	if within(limit, typed, word) {
		return true
	}
	for _, pair := range spelledOut {
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
