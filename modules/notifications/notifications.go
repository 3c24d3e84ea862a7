// Package notifications tells people what happened: in the app, by push and by mail. It listens to everybody and nobody calls it.
package notifications

import "atrium/platform/fault"

var (
	// ErrNotFound: no such notification of this person.
	ErrNotFound = fault.NotFound("notifications.not_found", "There is no such notification.")
	// ErrUnknown: a request names a notification that this person never had; its field says which.
	ErrUnknown = fault.Invalid("notifications.unknown", "There is no such notification.")
)
