package terms

import (
	"strings"
	"unicode/utf8"
)

// irregular are plurals that no rule makes.
var irregular = map[string]string{
	"feet": "foot", "teeth": "tooth", "geese": "goose", "mice": "mouse", "men": "man", "women": "woman", "children": "child", "dice": "die",
}

// plurals are the endings of plurals and those of their singulars, the first that fits. A rule may name several, as spelling alone does not
// tell: "stoves" are no "stof", but then nothing is called so.
var plurals = []struct {
	ending    string
	singulars []string
}{
	{"ss", nil}, {"us", nil}, {"is", nil},
	{"ies", []string{"y", "ie"}},
	{"ves", []string{"f", "fe", "ve"}},
	{"sses", []string{"ss", "sse"}}, {"shes", []string{"sh", "she"}}, {"ches", []string{"ch", "che"}}, {"xes", []string{"x", "xe"}},
	{"zzes", []string{"z", "zz", "zze"}}, {"zes", []string{"z", "ze"}}, {"ses", []string{"s", "se"}}, {"oes", []string{"o", "oe"}},
	{"ones", []string{"one", "on"}}, {"ores", []string{"ore", "or"}}, // Spanish: sillones, comedores
	{"s", []string{""}},
	{"들", []string{""}},
}

// What a word must have for a rule to say something about it, in letters.
const (
	shortestPlural = 4
	shortestGerman = 6 // "lampen"; "linen" is no plural of "line"
)

// Forms returns the singulars that a word may be the plural of; none for most. They are kept beside the word that a product has, and looked for
// beside the word that somebody types, so that plural and singular find each other.
func Forms(word string) []string {
	if singular, ok := irregular[word]; ok {
		return []string{singular}
	}
	letters := utf8.RuneCountInString(word)
	if stem, ok := strings.CutSuffix(word, "en"); ok && letters >= shortestGerman {
		return []string{stem + "e"}
	}
	for _, rule := range plurals {
		stem, ok := strings.CutSuffix(word, rule.ending)
		if !ok {
			continue
		}
		if letters < shortestPlural && rule.ending != "들" {
			return nil
		}
		forms := make([]string, 0, len(rule.singulars))
		for _, ending := range rule.singulars {
			if stem+ending != "" {
				forms = append(forms, stem+ending)
			}
		}
		return forms
	}
	return nil
}

// AllForms returns the forms of words, and beside each the word that it is of.
func AllForms(words []string) (forms, of []string) {
	for _, word := range words {
		for _, form := range Forms(word) {
			forms, of = append(forms, form), append(of, word)
		}
	}
	return forms, of
}
