package account

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP is the routes of accounts.
type HTTP struct{ accounts *Service }

func NewHTTP(accounts *Service) *HTTP { return &HTTP{accounts: accounts} }

// Routes plugs them in.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "users", Register: func(r *httpserver.Router) {
		h.registerOwn(r)
		h.registerAdmin(r)
	}}
}

func (h *HTTP) registerOwn(r *httpserver.Router) {
	type route = httpserver.Route
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/me", Name: "get-me", Summary: "Returns the caller"}, h.me)
	httpserver.Handle(r, route{Method: http.MethodPatch, Path: "/me", Name: "edit-me", Summary: "Changes the caller's profile"}, h.editMe)
	httpserver.Handle(r, route{Method: http.MethodGet, Path: "/me/settings", Name: "get-settings", Summary: "Returns the caller's settings"}, h.settings)
	httpserver.Handle(r, route{Method: http.MethodPatch, Path: "/me/settings", Name: "edit-settings", Summary: "Changes the caller's settings"}, h.editSettings)
}

type meResponse = httpserver.Answer[users.Me]

func toMe(me users.Me) *meResponse { return &meResponse{ETag: etag.Format(me.Version), Body: me} }

func (h *HTTP) me(ctx context.Context, _ *struct{}) (*meResponse, error) {
	me, err := h.accounts.Me(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return toMe(me), nil
}

type editMeRequest struct {
	IfMatch string `header:"If-Match" doc:"the version that you edited" example:"\"3\""`
	Body    struct {
		Handle         *string                     `json:"handle,omitempty" maxLength:"100" doc:"3 to 30 of a-z, 0-9, _ and . ; twice in 30 days" example:"ana.garcia"`
		DisplayName    *string                     `json:"display_name,omitempty" maxLength:"1000" doc:"at most 50 characters" example:"Ana García"`
		Bio            *string                     `json:"bio,omitempty" maxLength:"5000" doc:"at most 300 characters" example:"Small flats, big plants."`
		IsPrivate      *bool                       `json:"is_private,omitempty" doc:"going public accepts everybody who asked"`
		AvatarUploadID httpserver.Nullable[string] `json:"avatar_upload_id,omitempty" doc:"a ready upload of yours; null: no avatar" example:"019b76da-a800-7734-821c-04958f7c6d25"`
		CoverUploadID  httpserver.Nullable[string] `json:"cover_upload_id,omitempty" doc:"a ready upload of yours; null: no cover" example:"019b76da-a800-7734-821c-04958f7c6d26"`
	}
}

func (r *editMeRequest) edit() (edit, error) {
	e := edit{Handle: r.Body.Handle, DisplayName: r.Body.DisplayName, Bio: r.Body.Bio, IsPrivate: r.Body.IsPrivate}
	for _, picture := range []struct {
		to      *pictureEdit
		asked   httpserver.Nullable[string]
		pointer string
	}{{&e.Avatar, r.Body.AvatarUploadID, "/body/avatar_upload_id"}, {&e.Cover, r.Body.CoverUploadID, "/body/cover_upload_id"}} {
		picture.to.Set = picture.asked.Present
		if text := picture.asked.Value; text != nil {
			id, err := uuid.Parse(*text)
			if err != nil {
				return e, errProfile.At(picture.pointer, "is not a ready, unused upload of yours")
			}
			picture.to.Upload = &id
		}
	}
	return e, nil
}

func (h *HTTP) editMe(ctx context.Context, in *editMeRequest) (*meResponse, error) {
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	e, err := in.edit()
	if err != nil {
		return nil, err
	}
	me, err := h.accounts.Edit(ctx, identity.From(ctx).UserID, match, e)
	if err != nil {
		return nil, err
	}
	return toMe(me), nil
}

type settingsResponse struct {
	Language          string      `json:"language" doc:"BCP 47" example:"en-GB"`
	Measurement       string      `json:"measurement" enum:"metric,imperial" doc:"cm or in" example:"metric"`
	AreaUnit          string      `json:"area_unit" enum:"m2,ft2,pyeong" example:"m2"`
	Currency          string      `json:"currency" doc:"ISO 4217" example:"EUR"`
	DefaultVisibility string      `json:"default_visibility" enum:"public,followers,private" doc:"of a new post that does not say, and what the app proposes" example:"public"`
	QuietHours        *quietHours `json:"quiet_hours" doc:"when pushes wait, where each device is"`
	Version           int64       `json:"version" example:"1"`
}

// SchemaName is its name in the OpenAPI document.
func (settingsResponse) SchemaName() string { return "UserSettings" }

func toSettings(s settings) *httpserver.Answer[settingsResponse] {
	return &httpserver.Answer[settingsResponse]{ETag: etag.Format(s.Version), Body: settingsResponse{
		Language: s.Language, Measurement: s.Measurement, AreaUnit: s.AreaUnit, Currency: s.Currency,
		DefaultVisibility: s.DefaultVisibility, QuietHours: s.quiet(), Version: s.Version,
	}}
}

func (h *HTTP) settings(ctx context.Context, _ *struct{}) (*httpserver.Answer[settingsResponse], error) {
	s, err := h.accounts.Settings(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return toSettings(s), nil
}

type editSettingsRequest struct {
	IfMatch string `header:"If-Match" doc:"the version that you edited" example:"\"1\""`
	Body    struct {
		Language          *string       `json:"language,omitempty" maxLength:"35" doc:"BCP 47" example:"ko"`
		Measurement       *string       `json:"measurement,omitempty" enum:"metric,imperial" example:"metric"`
		AreaUnit          *string       `json:"area_unit,omitempty" enum:"m2,ft2,pyeong" example:"pyeong"`
		Currency          *string       `json:"currency,omitempty" maxLength:"3" doc:"ISO 4217" example:"KRW"`
		DefaultVisibility *string       `json:"default_visibility,omitempty" enum:"public,followers,private" example:"followers"`
		QuietHours        nullableHours `json:"quiet_hours,omitempty" doc:"null: none"`
	}
}

func (h *HTTP) editSettings(ctx context.Context, in *editSettingsRequest) (*httpserver.Answer[settingsResponse], error) {
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	s, err := h.accounts.EditSettings(ctx, identity.From(ctx).UserID, match, settingsEdit(in.Body))
	if err != nil {
		return nil, err
	}
	return toSettings(s), nil
}

// nullableHours are quiet hours or null; their document says the form of a clock's time.
type nullableHours struct {
	httpserver.Nullable[quietHours]
}

// Schema describes it for the OpenAPI document.
func (nullableHours) Schema(huma.Registry) *huma.Schema {
	clock := &huma.Schema{Type: huma.TypeString, Pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$", Examples: []any{"22:00"}}
	clock.PrecomputeMessages()
	s := &huma.Schema{
		Type: huma.TypeObject, Nullable: true, AdditionalProperties: false, Required: []string{"from", "to"},
		Properties: map[string]*huma.Schema{"from": clock, "to": clock},
	}
	s.PrecomputeMessages()
	return s
}
