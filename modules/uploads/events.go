package uploads

import "github.com/google/uuid"

// Ready: the photo of an upload can be shown and claimed.
type Ready struct {
	UploadID uuid.UUID `json:"upload_id"`
	OwnerID  uuid.UUID `json:"owner_id"`
}

// EventName is the event's name on the wire.
func (Ready) EventName() string { return "uploads.ready.v1" }
