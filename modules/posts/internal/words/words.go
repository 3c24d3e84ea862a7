// Package words reads what people write: how long it is, and which tags and people it names.
package words

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"

	"atrium/modules/users"
)

// maxTags and maxMentions bound what one text can name; what comes after is just text.
const (
	maxTags     = 30
	maxMentions = 20
	maxTag      = 64 // characters
)

// bytesPerCharacter is more than any character of a living script or emoji needs: what exceeds it is stacked accents.
const bytesPerCharacter = 40

var (
	hashtag = regexp.MustCompile(`(?:^|[^\p{L}\p{M}\p{N}_&])#([\p{L}\p{M}\p{N}_]+)`)
	mention = regexp.MustCompile(`(?:^|[^\p{L}\p{M}\p{N}_@.])@([A-Za-z0-9_.]+)`)
)

// Tidy returns the text in composed form (NFC) without space around it, and what is wrong with it: "" if nothing is.
// limit counts characters as people see them.
func Tidy(text string, limit int) (tidy, wrong string) {
	tidy = strings.TrimSpace(norm.NFC.String(text))
	if len(tidy) > limit && (len(tidy) > limit*bytesPerCharacter || uniseg.GraphemeClusterCount(tidy) > limit) {
		return "", fmt.Sprintf("has more than %d characters", limit)
	}
	return tidy, ""
}

// Tag returns a hashtag as it is stored: NFKC, lower case, without the sign; "" for what cannot be one.
func Tag(text string) string {
	tag := strings.ToLower(norm.NFKC.String(strings.TrimPrefix(text, "#")))
	if found := hashtag.FindStringSubmatch("#" + tag); found == nil || found[1] != tag || uniseg.GraphemeClusterCount(tag) > maxTag {
		return ""
	}
	return tag
}

// Tags returns the hashtags of a text, in order, each once.
func Tags(text string) []string {
	tags := []string{}
	for _, found := range hashtag.FindAllStringSubmatch(norm.NFKC.String(text), -1) {
		if tag := Tag(found[1]); tag != "" && !slices.Contains(tags, tag) && len(tags) < maxTags {
			tags = append(tags, tag)
		}
	}
	return tags
}

// Mentions returns the handles that a text mentions, in lower case, in order, each once.
func Mentions(text string) []string {
	var handles []string
	for _, found := range mention.FindAllStringSubmatch(norm.NFKC.String(text), -1) {
		handle := strings.ToLower(strings.Trim(found[1], "."))
		if handle != "" && !slices.Contains(handles, handle) && len(handles) < maxMentions {
			handles = append(handles, handle)
		}
	}
	return handles
}

// Mentioned returns the people whom a text mentions, without its author.
func Mentioned(ctx context.Context, people users.Directory, author uuid.UUID, text string) ([]uuid.UUID, error) {
	handles := Mentions(text)
	if len(handles) == 0 {
		return nil, nil
	}
	found, err := people.ByHandles(ctx, handles)
	if err != nil {
		return nil, err
	}
	var mentioned []uuid.UUID
	for _, handle := range handles {
		if id, ok := found[handle]; ok && id != author && !slices.Contains(mentioned, id) {
			mentioned = append(mentioned, id)
		}
	}
	return mentioned, nil
}

// Fold returns a text as it is compared with a filter: NFKC, lower case, its words with one space between them. What cannot be seen
// is left out.
func Fold(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(norm.NFKC.String(text)) {
		switch {
		case unicode.Is(unicode.Cf, r): // zero-width signs hide a word from those who search for it
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// AnyOf reports whether a text has one of the words or phrases. Scripts that write words together are searched within.
func AnyOf(text string, list []string) bool {
	text = " " + Fold(text) + " "
	return slices.ContainsFunc(list, func(word string) bool {
		word = Fold(word)
		if !strings.ContainsFunc(word, together) {
			word = " " + word + " "
		}
		return strings.Contains(text, word)
	})
}

// together reports whether words with the letter are written without a space before and after them.
func together(r rune) bool {
	return unicode.In(r, unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}
