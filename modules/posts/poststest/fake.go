// Package poststest stands in for posts in the tests of other modules.
package poststest

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"atrium/modules/posts"
)

// Fake is posts in memory: a posts.Reader, the posts.Counts, the posts.Wishes and the posts.Activity. Safe for concurrent use.
type Fake struct {
	mu       sync.Mutex
	posts    map[uuid.UUID]posts.Post
	hidden   map[[2]uuid.UUID]bool
	wishers  map[uuid.UUID][]uuid.UUID
	likes    map[posts.Like]bool
	comments map[uuid.UUID]posts.Comment
	mentions map[uuid.UUID][]uuid.UUID
}

var (
	_ posts.Reader   = (*Fake)(nil)
	_ posts.Wishes   = (*Fake)(nil)
	_ posts.Activity = (*Fake)(nil)
	_ posts.Counts   = (*Fake)(nil)
)

// New makes a world without posts.
func New() *Fake {
	return &Fake{posts: map[uuid.UUID]posts.Post{}, hidden: map[[2]uuid.UUID]bool{}, wishers: map[uuid.UUID][]uuid.UUID{},
		likes: map[posts.Like]bool{}, comments: map[uuid.UUID]posts.Comment{}, mentions: map[uuid.UUID][]uuid.UUID{}}
}

// Add makes a public post that everybody sees, until it is hidden from somebody.
func (f *Fake) Add(author uuid.UUID, caption string) uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := uuid.Must(uuid.NewV7())
	f.posts[id] = posts.Post{ID: id, AuthorID: author, Caption: caption, Visibility: posts.Public}
	return id
}

// Hide keeps a post from a viewer (uuid.Nil: from nobody in particular, as they are not signed in).
func (f *Fake) Hide(post, viewer uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hidden[[2]uuid.UUID{post, viewer}] = true
}

// Show takes Hide back.
func (f *Fake) Show(post, viewer uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.hidden, [2]uuid.UUID{post, viewer})
}

// Restore brings a post back that was removed.
func (f *Fake) Restore(post posts.Post) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posts[post.ID] = post
}

// Like makes a person like a post.
func (f *Fake) Like(post, person uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.likes[posts.Like{PostID: post, UserID: person}] = true
}

// Unlike takes it back.
func (f *Fake) Unlike(post, person uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.likes, posts.Like{PostID: post, UserID: person})
}

// Comment writes a comment, or changes it.
func (f *Fake) Comment(c posts.Comment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.comments[c.ID] = c
}

// DeleteComment makes a comment gone.
func (f *Fake) DeleteComment(id uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.comments, id)
}

// Mention makes a post's caption mention these people, and no others.
func (f *Fake) Mention(post uuid.UUID, people ...uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mentions[post] = people
}

// Likes satisfies posts.Activity.
func (f *Fake) Likes(_ context.Context, likes []posts.Like) (map[posts.Like]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	there := map[posts.Like]bool{}
	for _, like := range likes {
		if _, ok := f.posts[like.PostID]; ok && f.likes[like] {
			there[like] = true
		}
	}
	return there, nil
}

// Comments satisfies posts.Activity.
func (f *Fake) Comments(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]posts.Comment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	there := map[uuid.UUID]posts.Comment{}
	for _, id := range ids {
		c, written := f.comments[id]
		if _, ok := f.posts[c.PostID]; ok && written {
			there[id] = c
		}
	}
	return there, nil
}

// Mentions satisfies posts.Activity.
func (f *Fake) Mentions(_ context.Context, ids []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	there := map[uuid.UUID][]uuid.UUID{}
	for _, id := range ids {
		if _, ok := f.posts[id]; ok {
			there[id] = f.mentions[id]
		}
	}
	return there, nil
}

// Remove makes a post gone.
func (f *Fake) Remove(post uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.posts, post)
}

// Visible satisfies posts.Reader.
func (f *Fake) Visible(_ context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]posts.Post, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[uuid.UUID]posts.Post{}
	for _, id := range ids {
		if post, ok := f.posts[id]; ok && !f.hidden[[2]uuid.UUID{id, viewer}] {
			found[id] = post
		}
	}
	return found, nil
}

// CountByAuthor satisfies posts.Counts.
func (f *Fake) CountByAuthor(_ context.Context, authors []uuid.UUID) (map[uuid.UUID]posts.ByVisibility, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[uuid.UUID]posts.ByVisibility{}
	for _, author := range authors {
		var n posts.ByVisibility
		for _, post := range f.posts {
			if post.AuthorID == author {
				n.Public++
			}
		}
		counts[author] = n
	}
	return counts, nil
}

// Wish makes a person one who would like to have the product.
func (f *Fake) Wish(person, product uuid.UUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wishers[product] = append(f.wishers[product], person)
}

// Wishers satisfies posts.Wishes.
func (f *Fake) Wishers(_ context.Context, product, after uuid.UUID, n int) (people []uuid.UUID, last uuid.UUID, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortFunc(f.wishers[product], func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, person := range f.wishers[product] {
		if bytes.Compare(person[:], after[:]) > 0 && len(people) < n {
			people = append(people, person)
		}
	}
	if len(people) == n {
		last = people[n-1]
	}
	return people, last, nil
}
