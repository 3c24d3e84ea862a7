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

// Mentioned returns the people whom a text mentions, without its author.
func Mentioned(ctx context.Context, people users.Directory, author uuid.UUID, written string) ([]uuid.UUID, error) {
	handles := text.Mentions(written)
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

// TagForms returns the forms in which a tag is stored: its key and, where it differs, the form of rows that are not folded yet.
func TagForms(tag text.Tag) []string {
	forms := []string{tag.Key}
	if former := strings.ToLower(norm.NFKC.String(tag.Text)); former != tag.Key {
		forms = append(forms, former)
	}
	return forms
}
