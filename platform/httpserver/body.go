package httpserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/platform/fault"
)

var errSlowBody = fault.New(fault.KindMalformed, "request.slow_body", "The body did not arrive in time.")

// readBody reads the whole body into the call, once; bounds has limited its size and time. The handler can read it again.
func readBody(c *gin.Context) error {
	call := callOf(c)
	if call.body != nil {
		return nil
	}
	body, err := io.ReadAll(c.Request.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlowBody
	case err != nil:
		return errMalformed.Saying("The body ended early.").Because(err)
	}
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{}) // it would end the request while the handler runs
	call.body = body
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// strictBody reads the body of a typed route and refuses what is not of its media types, or not strict JSON.
func strictBody(want *huma.RequestBody) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := readStrictly(c, want); err != nil {
			Fail(c, err)
		}
	}
}

func readStrictly(c *gin.Context, want *huma.RequestBody) error {
	media, err := mediaType(c.GetHeader("Content-Type"), want)
	if err != nil {
		return err
	}
	if media == "multipart/form-data" {
		return nil // huma reads it as a stream
	}
	if err := readBody(c); err != nil {
		return err
	}
	if media != "application/json" || (len(callOf(c).body) == 0 && !want.Required) {
		return nil
	}
	return checkJSON(callOf(c).body)
}

// mediaType returns which of the route's media types a request has. Without a header it is taken to be JSON.
func mediaType(header string, want *huma.RequestBody) (string, error) {
	if header == "" {
		header = "application/json"
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil || want.Content[media] == nil {
		return "", errUnsupportedType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", errUnsupportedType.Saying("Bodies are UTF-8.")
	}
	return media, nil
}

// target is the path and query of a request: like the body, a repetition must agree in it.
func target(c *gin.Context) string {
	return fmt.Sprintf("%s?%s\n", c.Request.URL.EscapedPath(), c.Request.URL.RawQuery)
}
