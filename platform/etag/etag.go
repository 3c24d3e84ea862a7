// Package etag is optimistic locking: what a caller believes the current version to be.
package etag

import (
	"strconv"
	"strings"

	"atrium/platform/fault"
)

var (
	// ErrMissing answers a change without If-Match.
	ErrMissing = fault.New(fault.KindPreconditionRequired, "request.if_match_required", "Send If-Match with the version that you edited.")
	// ErrStale answers a change of an older version; its detail current_etag is the version now.
	ErrStale = fault.New(fault.KindStale, "request.stale_version", "It was changed meanwhile. Read it again, then repeat your change.")
)

// Match is the condition of an If-Match header.
type Match struct {
	any      bool
	versions []int64
}

// Any matches every version.
var Any = Match{any: true}

// Version matches exactly one version.
func Version(v int64) Match { return Match{versions: []int64{v}} }

// Parse reads an If-Match header: a list of strong tags, or *. An empty header is ErrMissing;
// tags that are no version of ours match nothing.
func Parse(header string) (Match, error) {
	header = strings.TrimSpace(header)
	if header == "" {
		return Match{}, ErrMissing
	}
	if header == "*" {
		return Any, nil
	}
	var m Match
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if v, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64); err == nil && Format(v) == tag {
			m.versions = append(m.versions, v)
		}
	}
	return m, nil
}

// Check returns nil if the current version is meant, else ErrStale with the current tag.
func (m Match) Check(current int64) error {
	if m.any {
		return nil
	}
	for _, v := range m.versions {
		if v == current {
			return nil
		}
	}
	return ErrStale.Detail("current_etag", Format(current))
}

// Format writes a version as a strong entity tag: "7" with its quotes.
func Format(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
