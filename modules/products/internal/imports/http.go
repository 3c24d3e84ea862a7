package imports

import (
	"context"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"atrium/modules/products/internal/bulk"
	"atrium/modules/products/internal/product"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// maxFile bounds a file, in bytes.
const maxFile = 64 << 20

// HTTP serves imports.
type HTTP struct{ service *Service }

func NewHTTP(service *Service) *HTTP { return &HTTP{service: service} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	r.Raw(httpserver.Route{Method: http.MethodPost, Path: "/admin/products/import", Name: "import-products", Roles: product.EditorRoles, Limit: "import",
		Status: http.StatusAccepted, Key: httpserver.KeyIgnored, MaxBody: maxFile, Docs: importDocs(r.API().OpenAPI().Components.Schemas),
		Summary: "Imports variants by SKU, line by line, as a job; sending the same file again changes nothing"}, h.begin)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/admin/imports/{id}", Name: "get-import", Summary: "Returns an import, with its progress and report",
		Roles: []string{identity.RoleSeller, identity.RoleSupport, identity.RoleAdmin}}, h.read)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/admin/imports/{id}", Name: "cancel-import", Summary: "Cancels an import; what it has put in stays",
		Status: http.StatusNoContent, Roles: product.EditorRoles}, h.cancel)
}

// importDocs describes the file and the answer.
func importDocs(schemas huma.Registry) func(op *huma.Operation) {
	return func(op *huma.Operation) {
		text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		op.Parameters = append(op.Parameters, &huma.Param{Name: "dry_run", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean},
			Description: "true: only tells what would happen"})
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{bulk.CSVType: text, bulk.NDJSONType: text},
			Description: "At most 64 MB, in the shape of an export. A cell that is empty leaves a value as it is, `(none)` takes it away."}
		op.Responses[strconv.Itoa(http.StatusAccepted)].Content = map[string]*huma.MediaType{
			"application/json": {Schema: schemas.Schema(reflect.TypeFor[importResponse](), true, "")},
		}
	}
}

func (h *HTTP) begin(c *gin.Context) {
	upload, err := uploadOf(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	if deadline, ok := c.Request.Context().Deadline(); ok { // a file may come slowly
		_ = http.NewResponseController(c.Writer).SetReadDeadline(deadline)
	}
	i, err := h.service.Begin(c.Request.Context(), product.EditorFrom(c.Request.Context()), upload)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.Header("Location", "/v1/admin/imports/"+i.ID.String())
	c.JSON(http.StatusAccepted, toImport(i))
}

func uploadOf(c *gin.Context) (Upload, error) {
	dryRun, err := dryRunOf(c)
	if err != nil {
		return Upload{}, err
	}
	media, parameters, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil {
		return Upload{}, bulk.ErrType
	}
	return Upload{Content: c.Request.Body, Media: media, Charset: parameters["charset"], DryRun: dryRun}, nil
}

func dryRunOf(c *gin.Context) (bool, error) {
	value, err := bulk.Only(c, "dry_run")
	if err != nil {
		return false, err
	}
	if _, there := c.Request.URL.Query()["dry_run"]; !there {
		return false, nil
	}
	if value == "" {
		return true, nil
	}
	dryRun, err := strconv.ParseBool(value)
	if err != nil {
		return false, bulk.ErrQuery.At("query.dry_run", "must be true or false")
	}
	return dryRun, nil
}

type path struct {
	ID string `path:"id"`
}

func (h *HTTP) read(ctx context.Context, in *path) (*httpserver.Answer[importResponse], error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	reader := product.EditorFrom(ctx)
	reader.Admin = reader.Admin || identity.From(ctx).Has(identity.RoleSupport)
	i, err := h.service.Read(ctx, reader, id)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(toImport(i)), nil
}

func (h *HTTP) cancel(ctx context.Context, in *path) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return httpserver.NoContent(h.service.Cancel(ctx, product.EditorFrom(ctx), id))
}

// importResponse is an import as the API shows it. Each line is imported or not by itself: correct those that failed, and send the file again.
type importResponse struct {
	ID         uuid.UUID  `json:"id"`
	Status     Status     `json:"status" enum:"queued,running,done,failed,cancelled"`
	DryRun     bool       `json:"dry_run" doc:"nothing is changed"`
	Rows       int64      `json:"rows" doc:"read so far"`
	Created    int64      `json:"created"`
	Updated    int64      `json:"updated"`
	Unchanged  int64      `json:"unchanged"`
	Failed     int64      `json:"failed"`
	Problems   []Problem  `json:"problems" doc:"of the rows that failed, the first 1,000"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

// SchemaName is its name in the OpenAPI document.
func (importResponse) SchemaName() string { return "Import" }

func toImport(i *Import) importResponse {
	return importResponse{
		ID: i.ID, Status: i.Status, DryRun: i.DryRun, Rows: i.Rows, Created: i.Created, Updated: i.Updated, Unchanged: i.Unchanged, Failed: i.Failed,
		Problems: append([]Problem{}, i.Problems...), CreatedAt: i.CreatedAt, FinishedAt: i.FinishedAt,
	}
}
