package words

import "strings"

// literal takes their meaning from ILIKE's own signs.
var literal = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// InCaption is the condition that a post's caption holds all the words, in whatever case, with its values; "" without words.
func InCaption(words []string) (condition string, values []any) {
	conditions := make([]string, len(words))
	for i, word := range words {
		conditions[i] = "caption ILIKE ?"
		values = append(values, "%"+literal.Replace(word)+"%")
	}
	return strings.Join(conditions, " AND "), values
}
