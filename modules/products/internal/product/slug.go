package product

import (
	"regexp"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/products/internal/terms"
)

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// CheckSlug returns ErrInvalidSlug for what is no slug, and for what would be taken for an id in a path.
func CheckSlug(slug string) error {
	if len(slug) > 120 || !slugPattern.MatchString(slug) || uuid.Validate(slug) == nil {
		return ErrInvalidSlug
	}
	return nil
}

// SlugFromName makes a slug from a name. A name without Latin letters or digits gives "product".
func SlugFromName(name string) string {
	var slug strings.Builder
	for _, word := range terms.Typed(name) {
		if strings.IndexFunc(word, func(r rune) bool { return r > 'z' }) >= 0 {
			continue
		}
		if slug.Len()+len(word) > 80 {
			break
		}
		if slug.Len() > 0 {
			slug.WriteByte('-')
		}
		slug.WriteString(word)
	}
	if CheckSlug(slug.String()) != nil {
		return "product"
	}
	return slug.String()
}
