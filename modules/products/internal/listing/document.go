package listing

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/terms"
)

// document is what a product is found by.
type document struct {
	heading string   // a tsvector literal: name, brand, category, tags and materials, with places and weights to rank by
	whole   string   // a tsvector literal of all words and marks: it only matches
	words   []string // each once, sorted, with their forms, and with those of the names and options of its variants and of the description
}

// newDocument writes down what a product is found by. Words are letters, marks, digits and emoji, so nothing needs escaping.
func newDocument(p *product.Product, category string) document {
	words := map[string]bool{}
	take := func(part string) []string {
		found := terms.Of(part)
		for _, word := range found {
			words[word] = true
			for _, form := range terms.Forms(word) {
				words[form] = true
			}
		}
		return found
	}
	var heading strings.Builder
	position := 1
	head := func(weight string, parts ...string) {
		for _, part := range parts {
			for _, word := range take(part) {
				for _, form := range append(terms.Forms(word), word) {
					heading.WriteString("'" + form + "':" + strconv.Itoa(position) + weight + " ")
				}
				position++
			}
		}
	}
	head("A", p.Name)
	head("B", p.Brand, category)
	head("B", p.Tags...)
	head("B", p.Materials...)
	marks := map[string]bool{}
	for _, material := range p.Materials {
		marks[terms.MaterialMark(material)] = true
	}
	for _, v := range p.Variants {
		take(v.Name)
		marks[terms.SKUMark(v.SKU)] = true
		for option, value := range v.Options {
			take(value)
			if option == "color" {
				marks[terms.ColorMark(value)] = true
			}
		}
	}
	take(p.Description)
	d := document{heading: heading.String(), words: slices.Sorted(maps.Keys(words))}
	for _, lexeme := range slices.Concat(d.words, slices.Sorted(maps.Keys(marks))) {
		d.whole += "'" + lexeme + "' "
	}
	return d
}
