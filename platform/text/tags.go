package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// What one text can name at most; what comes after is just text.
const (
	maxTags     = 30
	maxMentions = 20
	maxTag      = 64 // graphemes
)

var (
	// url is what stands inside an address of the web, with or without a scheme: nothing in it is a hashtag or a mention.
	url = regexp.MustCompile(`(?i)[a-z][a-z0-9+.\-]*://` + urlRest + `*` +
		`|(?:^|[^\p{L}\p{M}\p{N}_@#.\-])(?:www\.` + urlRest + `+|(?:[\p{L}\p{M}\p{N}_\-]+\.)+[\p{L}\p{M}]{2,}(?::[0-9]+)?(?:/|\?[\p{L}\p{N}_]+=)` + urlRest + `*)`)
	// tagWord is letters, marks, digits, squared units and underscores, with joiners and middle dots only between them.
	tagWord = `[\p{L}\p{M}\p{N}_\x{3300}-\x{33FF}]+(?:[\x{200C}\x{200D}·・･]+[\p{L}\p{M}\p{N}_\x{3300}-\x{33FF}]+)*`
	hashtag = regexp.MustCompile(`(?:^|[^\p{L}\p{M}\p{N}_&\x{200C}\x{200D}·・･])[#＃](` + tagWord + `)`)
	oneTag  = regexp.MustCompile(`^` + tagWord + `$`)
	mention = regexp.MustCompile(`(?:^|[^\p{L}\p{M}\p{N}_@.])@([A-Za-z0-9_.]+)`)
)

// urlRest is a character that can go on an address.
const urlRest = "[^\\s\\p{Z}<>\"`。、，！？；：（）「」『』【】《》]"

// Tag is a hashtag.
type Tag struct {
	Text string // as it is shown: as typed, NFC, in lower case, without the sign
	Key  string // folded: tags with the same key are one
}

// ParseTag reads a hashtag, with or without its sign; false where it cannot be one: it needs a letter, and has at most 64 graphemes.
func ParseTag(s string) (Tag, bool) {
	s = norm.NFC.String(s)
	for _, sign := range []string{"#", "＃"} {
		if bare, ok := strings.CutPrefix(s, sign); ok {
			s = bare
			break
		}
	}
	tag := Tag{Text: norm.NFC.String(cases.Lower(language.Und).String(s)), Key: Fold(s)}
	if !oneTag.MatchString(s) || len(s) > maxTag*bytesPerGrapheme || Length(s) > maxTag || !strings.ContainsFunc(tag.Key, unicode.IsLetter) {
		return Tag{}, false
	}
	return tag, true
}

// Tags returns the hashtags of a text in order, each key once, at most 30. What stands inside a URL is none.
func Tags(s string) []Tag {
	tags := []Tag{}
	for _, found := range hashtag.FindAllStringSubmatch(withoutURLs(norm.NFC.String(s)), -1) {
		tag, ok := ParseTag(found[1])
		if ok && len(tags) < maxTags && !slices.ContainsFunc(tags, func(t Tag) bool { return t.Key == tag.Key }) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// Mentions returns the handles that a text mentions, in lower case, in order, each once, at most 20. What stands inside a URL mentions
// nobody.
func Mentions(s string) []string {
	var handles []string
	for _, found := range mention.FindAllStringSubmatch(norm.NFKC.String(withoutURLs(s)), -1) {
		handle := strings.ToLower(strings.Trim(found[1], "."))
		if handle != "" && !slices.Contains(handles, handle) && len(handles) < maxMentions {
			handles = append(handles, handle)
		}
	}
	return handles
}

func withoutURLs(s string) string { return url.ReplaceAllString(s, " ") }
