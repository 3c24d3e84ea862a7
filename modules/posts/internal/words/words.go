// Package words holds what captions and comments say of people and tags, and how captions are searched.
package words

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"atrium/modules/users"
	"atrium/platform/text"
)

// Written is a text and who wrote it.
type Written struct {
	Author uuid.UUID
	Text   string
}

// Mentioned returns the people whom a text mentions, without its author.
func Mentioned(ctx context.Context, people users.Directory, author uuid.UUID, written string) ([]uuid.UUID, error) {
	all, err := MentionedInAll(ctx, people, []Written{{Author: author, Text: written}})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// MentionedInAll is Mentioned for many texts, in their order, by one look at the people.
func MentionedInAll(ctx context.Context, people users.Directory, texts []Written) ([][]uuid.UUID, error) {
	mentioned, handles := make([][]uuid.UUID, len(texts)), make([][]string, len(texts))
	var asked []string
	for i, t := range texts {
		handles[i] = text.Mentions(t.Text)
		asked = append(asked, handles[i]...)
	}
	if len(asked) == 0 {
		return mentioned, nil
	}
	found, err := people.ByHandles(ctx, asked)
	if err != nil {
		return nil, err
	}
	for i, t := range texts {
		for _, handle := range handles[i] {
			if id, ok := found[handle]; ok && id != t.Author && !slices.Contains(mentioned[i], id) {
				mentioned[i] = append(mentioned[i], id)
			}
		}
	}
	return mentioned, nil
}

// TagForms returns the forms in which a tag is stored: its key and, where it differs, the form of rows that are not folded yet.
func TagForms(tag text.Tag) []string {
	forms := []string{tag.Key}
	if former := strings.ToLower(norm.NFKC.String(tag.Text)); former != tag.Key {
		forms = append(forms, former)
	}
	return forms
}
