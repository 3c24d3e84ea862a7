package tag_test

import (
	"testing"

	"atrium/modules/posts/internal/moduletest"
)

type object = moduletest.Object

type bundle struct{ *moduletest.Bundle }

func setup(t *testing.T) *bundle { return &bundle{moduletest.New(t)} }

// another is another instance in the same world.
func (b *bundle) another() *bundle { return &bundle{b.Another()} }
