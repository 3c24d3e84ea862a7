// Package notifications tells people what happened: in the app, by push and by mail. It listens to everybody and nobody calls it.
package notifications

import "atrium/platform/fault"

// ErrNotFound: no such notification of this person.
var ErrNotFound = fault.NotFound("notifications.not_found", "There is no such notification.")
