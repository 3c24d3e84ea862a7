package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns the form in which texts are compared and searched; it is never shown. Two texts fold to the same where they differ in
//   - case, by full case folding ("ΣΟΦΑΣ" and "σοφας", "STRASSE" and "straße"), and in the dot of an i ("IŞIK" and "ışık");
//   - width and other compatibility forms (NFKC);
//   - characters that nobody sees (joiners, zero-width spaces, soft hyphens) and the Arabic tatweel;
//   - accents of alphabets, Arabic vowel signs and Hebrew points. Marks that make another letter or syllable stay: the voicing of
//     kana, the vowels of Indic scripts and Thai.
//
// Idempotent.
func Fold(s string) string {
	s = norm.NFKD.String(CaseFold(s))
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\u0640' || isIgnorable(r) || unicode.Is(accents, r):
			return -1
		case r >= 0xAB70 && r <= 0xABBF: // small Cherokee letters: x/text swaps them with the capitals, instead of making either the other
			return r - 0xAB70 + 0x13A0
		case r >= 0x13F8 && r <= 0x13FD:
			return r - 8
		}
		return r
	}, s)
	return norm.NFC.String(basicLetters.Replace(s))
}

// basicLetters writes letters that have no decomposition as the letters that people without them on the keyboard type.
var basicLetters = strings.NewReplacer("æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i")

// accents are the marks that Fold drops.
var accents = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x0300, Hi: 0x036F, Stride: 1},                                      // of Latin, Greek and Cyrillic letters
	{Lo: 0x0591, Hi: 0x05BD, Stride: 1}, {Lo: 0x05BF, Hi: 0x05C7, Stride: 1}, // Hebrew points
	{Lo: 0x0610, Hi: 0x061A, Stride: 1}, {Lo: 0x064B, Hi: 0x065F, Stride: 1}, {Lo: 0x0670, Hi: 0x0670, Stride: 1}, // Arabic vowels
	{Lo: 0x06D6, Hi: 0x06DC, Stride: 1}, {Lo: 0x06DF, Hi: 0x06E4, Stride: 1}, {Lo: 0x06E7, Hi: 0x06E8, Stride: 1}, {Lo: 0x06EA, Hi: 0x06ED, Stride: 1},
	{Lo: 0x1AB0, Hi: 0x1AFF, Stride: 1}, {Lo: 0x1DC0, Hi: 0x1DFF, Stride: 1}, {Lo: 0x20D0, Hi: 0x20FF, Stride: 1},
}}

// CaseFold unifies case and compatibility forms only (NFKC of the full case folding): accents and invisible characters stay. Handles
// are read with it, so that what is not plain is refused and not dropped.
func CaseFold(s string) string { return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))) }

// HandleSkeleton returns what a handle looks like (its confusable skeleton): two handles with the same one could be mistaken for each
// other. It decides about handles that are taken, so it changes only together with what is stored.
func HandleSkeleton(handle string) string { return confusables.Replace(CaseFold(handle)) }

// confusables are the plain characters that are mistaken for one another. Wide ones are spelled out, not narrow ones joined: so "vw",
// "wv" and "vvv" come out as one.
var confusables = strings.NewReplacer("0", "o", "1", "l", "m", "rn", "w", "vv")
