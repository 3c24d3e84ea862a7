package bulk

import (
	"bytes"
	"encoding/json"
	"io"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"atrium/platform/fault"
)

// The media types of files.
const (
	CSVType    = "text/csv"
	NDJSONType = "application/x-ndjson"
)

// ErrType means that a file is of no type or charset that is read.
var ErrType = fault.New(fault.KindUnsupported, "products.import_type", "Send text/csv or application/x-ndjson.")

// HeaderAtMost is how many bytes of a file, in any charset, hold the line of its columns' names.
const HeaderAtMost = 2*maxLine + 1<<10

// File reads a list line after line.
type File struct {
	check Check
	lines interface {
		next() (Line, error)
		position() Position
		goOn(from Position) error
	}
}

// Check returns what is wrong with the values of a line.
type Check func(values map[string]any) []fault.Field

// Open begins to read a file of a media type and charset ("": UTF-8): ErrType, or the fault of a CSV file whose first line does not name
// its columns.
func Open(content io.Reader, media, charset string, check Check) (*File, error) {
	content, foreign, err := inUTF8(content, charset)
	if err != nil {
		return nil, err
	}
	f := &File{check: check}
	switch media {
	case CSVType:
		t := &table{lines: newLines(content, '"', foreign)}
		f.lines, err = t, t.readHeader()
	case NDJSONType:
		f.lines = objects{newLines(content, 0, foreign)}
	default:
		err = ErrType
	}
	return f, err
}

// inUTF8 reads a file of another charset as UTF-8.
func inUTF8(content io.Reader, charset string) (read io.Reader, foreign bool, err error) {
	if charset == "" {
		return content, false, nil
	}
	encoding, err := htmlindex.Get(charset)
	if err != nil {
		return nil, false, ErrType.Saying("There is no charset %q.", charset)
	}
	if encoding == unicode.UTF8 {
		return content, false, nil
	}
	return encoding.NewDecoder().Reader(content), true, nil
}

// GoOn passes over the lines that were read before, up to the end of one. The zero Position is the beginning.
func (f *File) GoOn(from Position) error {
	if from == (Position{}) {
		return nil
	}
	return f.lines.goOn(from)
}

// Next returns the next line, or io.EOF. Any other error ends the file.
func (f *File) Next() (Line, error) {
	line, err := f.lines.next()
	if err != nil {
		return line, err
	}
	line.End = f.lines.position()
	line.SKU, _ = line.values["sku"].(string)
	if line.Err == nil {
		f.readItem(&line)
	}
	line.values = nil
	return line, nil
}

func (f *File) readItem(line *Line) {
	if fields := f.check(line.values); len(fields) > 0 {
		line.Err = &fault.Error{Kind: fault.KindInvalid, Code: errRow.Code, Message: "Something in the line is wrong.", Fields: fields}
		return
	}
	row, err := rowFrom(line.values)
	if err != nil {
		line.Err = errRow.Because(err)
		return
	}
	line.Item = row.item()
}

// rowFrom reads values that were checked.
func rowFrom(values map[string]any) (Row, error) {
	var row Row
	raw, err := json.Marshal(values)
	if err != nil {
		return row, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return row, decoder.Decode(&row)
}
