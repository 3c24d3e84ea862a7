// Package terms is the folded words that products are found by and that people look for: made by one rule, so that PostgreSQL's own
// parsers and locales have no say in it.
package terms

import (
	"strings"

	"atrium/platform/text"
)

// What one text gives to the index at most: how many words, and how many runes of each.
const (
	maxWords     = 400
	maxWordRunes = 40
)

// Of returns the words by which a text is found, at most maxWords: those that it has, in their order, and then what people write together
// or apart ("60 cm" and "60cm").
func Of(s string) []string { return bounded(text.IndexTerms(s)) }

// Typed returns the words of what somebody looks for.
func Typed(s string) []string { return bounded(text.QueryTerms(s)) }

// Key returns a text as its words, with a space between them: names, brands, colours and materials are compared by it.
func Key(s string) string { return strings.Join(Typed(s), " ") }

func bounded(words []string) []string {
	words = words[:min(len(words), maxWords)]
	for i, word := range words {
		if runes := []rune(word); len(runes) > maxWordRunes {
			words[i] = string(runes[:maxWordRunes])
		}
	}
	return words
}

// ColorMark returns what stands among the words of a product that has a colour, however the colour is spelled. No typed word begins like it.
func ColorMark(color string) string { return "=color " + Key(color) }

// SKUMark is ColorMark for the SKU of a variant.
func SKUMark(sku string) string { return "=sku " + Key(sku) }

// IsMark reports whether something among the words of a product is a mark.
func IsMark(word string) bool { return strings.HasPrefix(word, "=") }

// MaterialMark is ColorMark for a material.
func MaterialMark(material string) string { return "=material " + Key(material) }
