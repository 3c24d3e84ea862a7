package bulk

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"atrium/modules/products/internal"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

var (
	errType  = fault.New(fault.KindUnsupported, "products.import_type", "Send text/csv or application/x-ndjson.")
	errQuery = fault.Invalid("products.bulk_query", "The query cannot be read.")
)

const (
	csvType    = "text/csv"
	ndjsonType = "application/x-ndjson"
	// maxFile bounds a file, in bytes.
	maxFile = 64 << 20
)

// HTTP serves lists.
type HTTP struct {
	catalogue *internal.Service
	log       *zap.Logger
	registry  huma.Registry
	schema    *huma.Schema
}

// NewHTTP makes an HTTP.
func NewHTTP(catalogue *internal.Service, log *zap.Logger) *HTTP {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return &HTTP{catalogue: catalogue, log: log, registry: registry, schema: huma.SchemaFromType(registry, reflect.TypeFor[Row]())}
}

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	editors := []string{identity.RoleSeller, identity.RoleAdmin}
	r.Raw(httpserver.Route{Method: http.MethodPost, Path: "/admin/products/import", Name: "import-products", Roles: editors, Limit: "import",
		Key: httpserver.KeyIgnored, MaxBody: maxFile,
		Summary: "Make a list of variants true, line by line, by SKU (text/csv or application/x-ndjson; ?dry_run=true only tells what would happen). Sending it again changes nothing"}, h.take)
	r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/admin/products/export", Name: "export-products", Roles: editors, Limit: "import",
		Summary: "Everything I may change as a list of variants (?format=csv or ndjson), in the shape that the import takes"}, h.give)
}

func (h *HTTP) take(c *gin.Context) {
	try, err := dryRun(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	next, err := readerOf(c)
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	if deadline, ok := c.Request.Context().Deadline(); ok { // a file is read as long as its lines are taken in
		_ = http.NewResponseController(c.Writer).SetReadDeadline(deadline)
	}
	i := newImporter(h.catalogue, editorOf(c), try, h.check)
	if err := i.run(c.Request.Context(), next); err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.JSON(http.StatusOK, i.report)
}

func dryRun(c *gin.Context) (bool, error) {
	value, err := only(c, "dry_run")
	if err != nil {
		return false, err
	}
	if _, there := c.Request.URL.Query()["dry_run"]; !there {
		return false, nil
	}
	if value == "" {
		return true, nil
	}
	try, err := strconv.ParseBool(value)
	if err != nil {
		return false, errQuery.At("query.dry_run", "must be true or false")
	}
	return try, nil
}

// only returns the one parameter that the query may have.
func only(c *gin.Context, name string) (string, error) {
	for other := range c.Request.URL.Query() {
		if other != name {
			return "", errQuery.At("query."+other, "is not known")
		}
	}
	return c.Query(name), nil
}

func readerOf(c *gin.Context) (reader, error) {
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil {
		return nil, errType
	}
	switch media {
	case csvType:
		return readCSV(c.Request.Body)
	case ndjsonType:
		return readNDJSON(c.Request.Body), nil
	}
	return nil, errType
}

// check returns what is wrong with the values of a line, by the rules that Row states.
func (h *HTTP) check(values map[string]any) []fault.Field {
	result := &huma.ValidateResult{}
	huma.Validate(h.registry, h.schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, values, result)
	fields := make([]fault.Field, 0, len(result.Errors))
	for _, err := range result.Errors {
		field := fault.Field{Pointer: "", Detail: err.Error()}
		var detail *huma.ErrorDetail
		if errors.As(err, &detail) {
			field = fault.Field{Pointer: "/" + strings.ReplaceAll(strings.NewReplacer("[", "/", "]", "").Replace(detail.Location), ".", "/"), Detail: detail.Message}
		}
		fields = append(fields, field)
	}
	return fields
}

func (h *HTTP) give(c *gin.Context) {
	format, err := only(c, "format")
	if err == nil && format != "" && format != "csv" && format != "ndjson" {
		err = errQuery.At("query.format", "must be csv or ndjson")
	}
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	write := h.ndjson(c)
	if format != "ndjson" {
		write = h.csv(c)
	}
	err = h.catalogue.Export(c.Request.Context(), editorOf(c), func(batch []*internal.Product) error {
		for _, p := range batch {
			for _, v := range p.Variants {
				if err := write(rowOf(p, v)); err != nil {
					return err
				}
			}
		}
		c.Writer.Flush()
		return nil
	})
	if err == nil {
		return
	}
	if !c.Writer.Written() {
		httpserver.Fail(c, err)
		return
	}
	h.log.Warn("an export broke off", zap.Error(err))
	panic(http.ErrAbortHandler) // so that the client does not take half a list for a whole one
}

func (h *HTTP) ndjson(c *gin.Context) func(Row) error {
	c.Header("Content-Type", ndjsonType)
	encoder := json.NewEncoder(c.Writer)
	encoder.SetEscapeHTML(false)
	return func(r Row) error { return encoder.Encode(r) }
}

func (h *HTTP) csv(c *gin.Context) func(Row) error {
	c.Header("Content-Type", csvType+"; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="products.csv"`)
	table := csv.NewWriter(c.Writer)
	header := make([]string, len(columns))
	for i, column := range columns {
		header[i] = column.name
	}
	begun := false
	put := func(cells []string) error {
		if err := table.Write(cells); err != nil {
			return err
		}
		table.Flush()
		return table.Error()
	}
	return func(r Row) error {
		if !begun {
			begun = true
			if err := put(header); err != nil {
				return err
			}
		}
		return put(r.cells())
	}
}

func editorOf(c *gin.Context) internal.Editor {
	p := identity.From(c.Request.Context())
	return internal.Editor{ID: p.UserID, Admin: p.Has(identity.RoleAdmin)}
}
