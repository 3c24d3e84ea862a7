package upload

import "github.com/google/uuid"

// MakeVariants asks a worker to make a photo of an accepted file.
type MakeVariants struct {
	UploadID uuid.UUID `json:"upload_id"`
}

// TaskName is the task's name on the wire.
func (MakeVariants) TaskName() string { return "uploads.make_variants" }

// MakeLargeVariants is MakeVariants of a picture that takes long.
type MakeLargeVariants struct {
	UploadID uuid.UUID `json:"upload_id"`
}

// TaskName is the task's name on the wire.
func (MakeLargeVariants) TaskName() string { return "uploads.make_large_variants" }
