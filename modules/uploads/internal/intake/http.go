package intake

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/library"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/photo"
)

// HTTP is the module's part of the API.
type HTTP struct {
	uploads *Service
	library *library.Service
}

func NewHTTP(s *Service, l *library.Service) *HTTP { return &HTTP{uploads: s, library: l} }

// Routes plugs the handlers in.
func (h *HTTP) Routes() httpserver.Routes {
	return httpserver.Routes{Module: "uploads", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{
			Method: http.MethodPost, Path: "/uploads", Name: "create-upload", Status: http.StatusCreated,
			Summary: "Creates an upload: a place to send a photo to",
		}, h.create)
		httpserver.Handle(r, httpserver.Route{
			Method: http.MethodPost, Path: "/uploads/{id}/complete", Name: "complete-upload", Outside: true, Status: http.StatusAccepted,
			Summary: "Completes an upload, once its file has been sent",
		}, h.complete)
		httpserver.Handle(r, httpserver.Route{
			Method: http.MethodGet, Path: "/uploads/{id}", Name: "get-upload",
			Summary: "Returns how far an upload is; ask again after Retry-After while it is under way",
		}, h.find)
	}}
}

// Bootstrap tells clients what may be sent.
func Bootstrap(cfg uploads.Config) httpserver.Bootstrap {
	return httpserver.Bootstrap{Members: map[string]any{"uploads": map[string]any{
		"content_types": upload.ContentTypes, "max_bytes": cfg.MaxBytes, "max_side": upload.MaxSide, "max_pixels": upload.MaxPixels, "max_alt": upload.MaxAlt,
		"max_held_pixels": upload.MaxHeldPixels, // WebP, progressive JPEG, interlaced PNG
		"max_heic_pixels": upload.MaxHEICPixels(cfg.ImageMemory, false), "max_deep_heic_pixels": upload.MaxHEICPixels(cfg.ImageMemory, true),
	}}}
}

type createRequest struct {
	Body struct {
		ContentType string `json:"content_type" doc:"image/jpeg, image/png, image/webp, image/heic or image/heif" example:"image/jpeg"`
		Bytes       int64  `json:"bytes" minimum:"1" doc:"exact length of the file" example:"2481193"`
		SHA256      string `json:"sha256" doc:"SHA-256 of the file, base64" example:"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="`
	}
}

// CreatedUpload is a place to send a file to.
type CreatedUpload struct {
	ID        uuid.UUID    `json:"id"`
	Status    string       `json:"status" enum:"pending"`
	Upload    UploadTarget `json:"upload"`
	ExpiresAt time.Time    `json:"expires_at" doc:"until when the file can be sent"`
}

// UploadTarget is the request that sends the file.
type UploadTarget struct {
	Method  string            `json:"method" example:"PUT"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers" doc:"to be sent exactly as they are"`
}

func (h *HTTP) create(ctx context.Context, in *createRequest) (*httpserver.Answer[CreatedUpload], error) {
	u, signed, err := h.uploads.Create(ctx, identity.From(ctx).UserID, in.Body.ContentType, in.Body.Bytes, in.Body.SHA256)
	if err != nil {
		return nil, err
	}
	answer := httpserver.OK(toCreated(u, signed))
	answer.Location = "/v1/uploads/" + u.ID.String()
	return answer, nil
}

func toCreated(u *upload.Upload, signed blob.Signed) CreatedUpload {
	target := UploadTarget{Method: signed.Method, URL: signed.URL, Headers: map[string]string{}}
	for name := range signed.Header {
		target.Headers[name] = signed.Header.Get(name)
	}
	return CreatedUpload{ID: u.ID, Status: string(u.Status), Upload: target, ExpiresAt: u.ExpiresAt}
}

type uploadRequest struct {
	ID string `path:"id" doc:"id of the upload"`
}

// AcceptedUpload is the state that completion has led to.
type AcceptedUpload struct {
	ID     uuid.UUID `json:"id"`
	Status string    `json:"status" enum:"pending,processing,ready,failed"`
}

func (h *HTTP) complete(ctx context.Context, in *uploadRequest) (*httpserver.Answer[AcceptedUpload], error) {
	id, err := httpserver.PathID(in.ID, uploads.ErrNotFound)
	if err != nil {
		return nil, err
	}
	u, err := h.uploads.Complete(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(AcceptedUpload{ID: u.ID, Status: string(u.Status)}), nil
}

// UploadState is how far an upload is.
type UploadState struct {
	ID     uuid.UUID    `json:"id"`
	Status string       `json:"status" enum:"pending,processing,ready,failed"`
	Reason string       `json:"reason,omitempty" enum:"mismatch,corrupt,animated,too_many_pixels,too_complex,too_large,unavailable" doc:"why it failed"`
	Photo  *photo.Photo `json:"photo,omitempty" doc:"once it is ready"`
}

// SchemaName is its name in the OpenAPI document.
func (UploadState) SchemaName() string { return "Upload" }

type uploadAnswer struct {
	RetryAfter string `header:"Retry-After" doc:"seconds until asking again makes sense; while the upload is under way"`
	Body       UploadState
}

func (h *HTTP) find(ctx context.Context, in *uploadRequest) (*uploadAnswer, error) {
	id, err := httpserver.PathID(in.ID, uploads.ErrNotFound)
	if err != nil {
		return nil, err
	}
	u, err := h.uploads.Find(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return h.toAnswer(u)
}

func (h *HTTP) toAnswer(u *upload.Upload) (*uploadAnswer, error) {
	answer := &uploadAnswer{Body: UploadState{ID: u.ID, Status: string(u.Status), Reason: string(u.Reason)}}
	if !u.Status.Ended() {
		answer.RetryAfter = "1"
	}
	if u.IsPhoto() {
		p, err := h.library.Photo(u)
		if err != nil {
			return nil, err
		}
		answer.Body.Photo = &p
	}
	return answer, nil
}
