package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep the values of a body may nest.
const maxDepth = 32

var scanners = sync.Pool{New: func() any { return jsontext.NewDecoder(new(bytes.Buffer)) }}

// checkJSON reads a body strictly: one value, UTF-8, no name twice in an object, at most maxDepth deep (else errMalformed),
// and no NUL in a string, which PostgreSQL cannot keep (errInvalid).
func checkJSON(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errMalformed.Saying("This route needs a JSON body.")
	}
	scanner := scanners.Get().(*jsontext.Decoder)
	defer scanners.Put(scanner)
	scanner.Reset(bytes.NewBuffer(body))
	nul := bytes.Contains(body, []byte(`\u0000`))
	for first := true; ; first = false {
		if !first && scanner.StackDepth() == 0 {
			break
		}
		token, err := scanner.ReadToken()
		if err != nil {
			return malformed(err)
		}
		if scanner.StackDepth() > maxDepth {
			return errMalformed.Saying("The body nests more than %d levels deep.", maxDepth)
		}
		if nul && token.Kind() == '"' && strings.ContainsRune(token.String(), 0) {
			return errInvalid.At("/body"+string(scanner.StackPointer()), "must not contain U+0000")
		}
	}
	if _, err := scanner.ReadToken(); !errors.Is(err, io.EOF) {
		return errMalformed.Saying("There is something after the end of the JSON body.")
	}
	return nil
}

func malformed(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax) {
		return errMalformed.Saying("A name appears twice in one object.").At("/body"+string(syntax.JSONPointer), "appears twice")
	}
	return errMalformed.Saying("The body is not valid JSON.")
}

// jsonFormat is how huma reads and writes bodies. checkJSON has seen every body before.
var jsonFormat = huma.Format{Marshal: encode, Unmarshal: decode}

// wire is a value that carries its JSON, such as page.List: raw is the JSON of a value of exactly the type, until it was sent.
type wire interface {
	JSON() (raw []byte, of reflect.Type)
	Release()
}

// encode writes a value as JSON: as it carries it, else by its fields.
func encode(w io.Writer, v any) error {
	if carrier, ok := v.(wire); ok {
		if raw, of := carrier.JSON(); raw != nil && of == reflect.TypeOf(v) {
			if answer, ok := w.(http.ResponseWriter); ok {
				answer.Header().Set("Content-Length", strconv.Itoa(len(raw))) // one piece instead of chunks
			}
			_, err := w.Write(raw)
			carrier.Release()
			return err
		}
	}
	return huma.DefaultJSONFormat.Marshal(w, v)
}

// decode is json.Unmarshal with errors that fieldOf understands: "<pointer>: <what>", without names of Go types.
func decode(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mismatch):
		return fmt.Errorf("%s: does not fit", pointerAt(body, mismatch.Offset))
	default:
		return errors.New("/: does not fit")
	}
}

// pointerAt returns the JSON pointer of the value that ends at offset or, as encoding/json counts in places, just before it.
func pointerAt(body []byte, offset int64) jsontext.Pointer {
	scanner := jsontext.NewDecoder(bytes.NewBuffer(body))
	for scanner.InputOffset() < offset-1 {
		if _, err := scanner.ReadToken(); err != nil {
			break
		}
	}
	return scanner.StackPointer()
}
