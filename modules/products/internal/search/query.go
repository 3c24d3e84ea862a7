package search

import (
	"slices"
	"strings"

	"atrium/modules/products/internal/terms"
)

// expansion is the words that a typed word may stand for.
type expansion struct {
	Prefixed []string // the words that begin with it; none where they are many, or where there is none
	Others   []string // words that contain it, or, where none begins with it, that it may be a slip of
}

// typedQuery writes a tsquery literal: every word must be found, as the beginning of a word or in one of its forms.
func typedQuery(words []string) string {
	parts := make([]string, len(words))
	for i, word := range words {
		parts[i] = "(" + strings.Join(append(quoted(terms.Forms(word)), "'"+word+"':*"), " | ") + ")"
	}
	return strings.Join(parts, " & ")
}

// matchQuery writes a tsquery literal: every word must be found, in one of its expansions or forms. Whole words cost an index a tenth of what the
// beginnings of words do: it can skip where it knows where to.
func matchQuery(words []string, expansions map[string]expansion) string {
	return strings.Join(optionsOf(words, expansions), " & ")
}

// anyQuery is matchQuery where one of the words is enough.
func anyQuery(words []string, expansions map[string]expansion) string {
	return strings.Join(optionsOf(words, expansions), " | ")
}

func optionsOf(words []string, expansions map[string]expansion) []string {
	parts := make([]string, len(words))
	for i, word := range words {
		s := expansions[word]
		options := quoted(slices.Concat(s.Prefixed, s.Others, terms.Forms(word)))
		if len(s.Prefixed) == 0 {
			options = append(options, "'"+word+"':*")
		}
		parts[i] = "(" + strings.Join(options, " | ") + ")"
	}
	return parts
}

func quoted(words []string) []string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = "'" + word + "'"
	}
	return all
}

const maxWords = 10 // of a search; more are left out

// searchWords returns the words of what was typed, and those by which listings are searched that are not folded anew yet; nil for the same.
func searchWords(q string) (words, former []string) {
	words, former = terms.Typed(q), terms.Former(q)
	return words[:min(len(words), maxWords)], former[:min(len(former), maxWords)]
}
