package internal

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/etag"
	"atrium/platform/fault"
)

var (
	errCategoryNotFound = fault.NotFound("products.category_not_found", "There is no such category.")
	errCategoryTaken    = fault.Conflict("products.category_taken", "Another category has this slug.")
	errCategoryInUse    = fault.Conflict("products.category_in_use", "There are products or other categories in this category.")
	errParent           = fault.Invalid("products.invalid_parent", "The category cannot be below that one.",
		fault.Field{Pointer: "/body/parent", Detail: "must be the slug of a category that is not below this one"})
)

// Category is a branch of the catalogue.
type Category struct {
	Slug       string
	ParentSlug *string
	Name       string
	Position   int
	Version    int64
}

// CategoryChange changes a category; nil leaves things as they are.
type CategoryChange struct {
	Name     *string
	Parent   **string
	Position *int
}

// Reindex makes the products of a category findable by its name, some at a time, after one.
type Reindex struct {
	Category string    `json:"category"`
	After    uuid.UUID `json:"after"`
}

// TaskName is the task's name on the wire.
func (Reindex) TaskName() string { return "products.reindex" }

// reindexedAtOnce is how many products one task brings up to date.
const reindexedAtOnce = 100

// CreateCategory makes a category.
func (s *Service) CreateCategory(ctx context.Context, c Category) (Category, error) {
	if checkSlug(c.Slug) != nil {
		return c, errSlug
	}
	c.Version = 1
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.LockCategories(ctx); err != nil {
			return err
		}
		if err := s.fits(ctx, c); err != nil {
			return err
		}
		if err := s.store.InsertCategory(ctx, c); err != nil {
			return err
		}
		s.replanted(ctx)
		return nil
	})
	return c, err
}

// EditCategory changes a category. Its products are found by another name soon.
func (s *Service) EditCategory(ctx context.Context, slug string, match etag.Match, change CategoryChange) (Category, error) {
	var c Category
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if err := s.store.LockCategories(ctx); err != nil {
			return err
		}
		if c, err = s.store.Category(ctx, slug); err != nil {
			return err
		}
		if err := match.Check(c.Version); err != nil {
			return err
		}
		renamed := change.Name != nil && *change.Name != c.Name
		if renamed {
			c.Name = *change.Name
		}
		if change.Parent != nil {
			c.ParentSlug = *change.Parent
		}
		if change.Position != nil {
			c.Position = *change.Position
		}
		if err := s.fits(ctx, c); err != nil {
			return err
		}
		c.Version++
		if err := s.store.UpdateCategory(ctx, c); err != nil {
			return err
		}
		s.replanted(ctx)
		if renamed {
			return s.outbox.Enqueue(ctx, Reindex{Category: slug})
		}
		return nil
	})
	return c, err
}

// DeleteCategory removes a category that nothing is in.
func (s *Service) DeleteCategory(ctx context.Context, slug string) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		s.replanted(ctx)
		return s.store.DeleteCategory(ctx, slug)
	})
}

// Reindex does what the task says and leaves the rest to another.
func (s *Service) Reindex(ctx context.Context, _ uuid.UUID, task Reindex) error {
	ids, err := s.store.InCategory(ctx, task.Category, task.After, reindexedAtOnce)
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		for _, id := range ids {
			p, err := s.store.Lock(ctx, id)
			if errors.Is(err, products.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if err := s.store.Index(ctx, p); err != nil {
				return err
			}
		}
		s.db.AfterCommit(ctx, func(ctx context.Context) { s.shelf.Drop(ctx, shelfKey) })
		return s.outbox.Enqueue(ctx, Reindex{Category: task.Category, After: ids[len(ids)-1]})
	})
}

// fits returns errParent where a category would be below itself, or below none that there is. The categories are locked.
func (s *Service) fits(ctx context.Context, c Category) error {
	if c.ParentSlug == nil {
		return nil
	}
	all, err := s.store.Categories(ctx)
	if err != nil {
		return err
	}
	for above := c.ParentSlug; above != nil; {
		i := slices.IndexFunc(all, func(other Category) bool { return other.Slug == *above })
		if i < 0 || all[i].Slug == c.Slug {
			return errParent
		}
		above = all[i].ParentSlug
	}
	return nil
}

// replanted makes everybody see the tree as it is now, once the transaction is through.
func (s *Service) replanted(ctx context.Context) {
	s.db.AfterCommit(ctx, func(ctx context.Context) {
		s.tree.Drop(ctx, shelfKey)
		s.shelf.Drop(ctx, shelfKey)
	})
}
