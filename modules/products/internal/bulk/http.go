package bulk

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"go.uber.org/zap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"atrium/modules/products/internal/product"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
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

// HTTP serves imports and exports.
type HTTP struct {
	service  *Service
	log      *zap.Logger
	registry huma.Registry
	schema   *huma.Schema
}

// NewHTTP makes the schema that lines are checked against.
func NewHTTP(service *Service, log *zap.Logger) *HTTP {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return &HTTP{service: service, log: log, registry: registry, schema: huma.SchemaFromType(registry, reflect.TypeFor[Row]())}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	r.Raw(httpserver.Route{Method: http.MethodPost, Path: "/admin/products/import", Name: "import-products", Roles: product.EditorRoles, Limit: "import",
		Key: httpserver.KeyIgnored, MaxBody: maxFile,
		Summary: "Imports variants by SKU, line by line (text/csv or application/x-ndjson; ?dry_run=true only tells what would happen). Sending it again changes nothing"}, h.importFile)
	r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/admin/products/export", Name: "export-products", Roles: product.EditorRoles, Limit: "import",
		Summary: "Exports the variants that the caller may change (?format=csv or ndjson), in the shape that the import takes"}, h.exportFile)
}

func (h *HTTP) importFile(c *gin.Context) {
	dryRun, err := dryRunOf(c)
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
	i := newImporter(h.service, product.EditorFrom(c.Request.Context()), dryRun, h.check)
	if err := i.run(c.Request.Context(), next); err != nil {
		httpserver.Fail(c, err)
		return
	}
	c.JSON(http.StatusOK, i.report)
}

func dryRunOf(c *gin.Context) (bool, error) {
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
	dryRun, err := strconv.ParseBool(value)
	if err != nil {
		return false, errQuery.At("query.dry_run", "must be true or false")
	}
	return dryRun, nil
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
	media, parameters, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil {
		return nil, errType
	}
	body, foreign, err := inUTF8(c.Request.Body, parameters["charset"])
	if err != nil {
		return nil, err
	}
	switch media {
	case csvType:
		return readCSV(body, foreign)
	case ndjsonType:
		return readNDJSON(body, foreign), nil
	}
	return nil, errType
}

// inUTF8 reads a file of another charset as UTF-8.
func inUTF8(body io.Reader, charset string) (read io.Reader, foreign bool, err error) {
	if charset == "" {
		return body, false, nil
	}
	encoding, err := htmlindex.Get(charset)
	if err != nil {
		return nil, false, errType.Saying("There is no charset %q.", charset)
	}
	if encoding == unicode.UTF8 {
		return body, false, nil
	}
	return encoding.NewDecoder().Reader(body), true, nil
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

func (h *HTTP) exportFile(c *gin.Context) {
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
	err = h.service.Export(c.Request.Context(), product.EditorFrom(c.Request.Context()), func(batch []*product.Product) error {
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
	h.log.Warn("export of products broke off", zap.Error(err))
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
