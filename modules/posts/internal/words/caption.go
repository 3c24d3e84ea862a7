package words

import (
	"strings"

	"atrium/platform/text"
)

// literal takes their meaning from ILIKE's own signs.
var literal = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// SearchText returns what a caption is searched by: its terms, folded.
func SearchText(caption string) string { return strings.Join(text.IndexTerms(caption), " ") }

// InCaption is the condition that a post's caption holds all the words, in whatever spelling, with its values; "" without words. A word
// without letters and digits, and a caption that is not folded yet, are compared as they are.
func InCaption(words []string) (condition string, values []any) {
	conditions := make([]string, len(words))
	for i, word := range words {
		typed := "%" + literal.Replace(word) + "%"
		terms := text.QueryTerms(word)
		if len(terms) == 0 {
			conditions[i], values = "caption ILIKE ?", append(values, typed)
			continue
		}
		likes := make([]string, len(terms))
		for j, term := range terms {
			likes[j], values = "search LIKE ?", append(values, "%"+term+"%")
		}
		conditions[i] = "(" + strings.Join(likes, " AND ") + " OR search IS NULL AND caption ILIKE ?)"
		values = append(values, typed)
	}
	return strings.Join(conditions, " AND "), values
}
