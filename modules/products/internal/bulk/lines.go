package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// maxLine bounds one line of a file, in bytes.
const maxLine = 256 << 10

// lines cuts a file into its lines, of which it holds one at a time.
type lines struct {
	from      *bufio.Reader
	quote     byte // what a cell with line ends inside is put into; 0: none is
	separator byte // of cells
	foreign   bool // read from another charset
	line      int
	read      int64 // bytes
}

// newLines passes over the byte order mark that spreadsheets put at the beginning of a file.
func newLines(body io.Reader, quote byte, foreign bool) *lines {
	l := &lines{from: bufio.NewReaderSize(body, 64<<10), quote: quote, separator: ',', foreign: foreign}
	if mark, err := l.from.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = l.from.Discard(len(mark))
		l.read = int64(len(mark))
	}
	return l
}

// position is how far the lines were read.
func (l *lines) position() Position { return Position{l.read, l.line} }

// goOn passes over what was read before, up to a position.
func (l *lines) goOn(from Position) error {
	for l.read < from.Bytes {
		n, err := l.from.Discard(int(min(from.Bytes-l.read, 1<<20)))
		l.read += int64(n)
		if err != nil {
			return err
		}
	}
	l.line = from.Lines
	return nil
}

// next returns the next line, whose bytes are good until the call after, and its number, from 1. One longer than maxLine is errTooLong, and
// the one after it can be read; one with a quote that nothing closes is errUnclosed, and the last.
func (l *lines) next() (text []byte, line int, err error) {
	line = l.line + 1
	var state quoting
	size := 0
	for {
		piece, err := l.from.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return nil, line, err
		}
		l.read += int64(len(piece))
		if size += len(piece); size <= maxLine {
			text = append(text, piece...)
		}
		if l.quote != 0 {
			state.follow(piece, l.quote, l.separator)
		}
		if err == nil {
			l.line++
		}
		end := errors.Is(err, io.EOF)
		switch {
		case end && size == 0:
			return nil, line, io.EOF
		case end && state == inside:
			return nil, line, errUnclosed
		case !end && (err != nil || state == inside): // the line goes on
		case size > maxLine:
			return nil, line, errTooLong
		default:
			return text, line, nil
		}
	}
}

// readable reports whether a line is of the charset that it should be of. What another has no character for was read as U+FFFD.
func (l *lines) readable(text []byte) bool {
	return utf8.Valid(text) && !(l.foreign && bytes.ContainsRune(text, utf8.RuneError))
}

// quoting is where in a cell one is.
type quoting int

const (
	atStart quoting = iota // of a cell
	plain                  // in a cell without quotes, or behind the one that closes
	inside                 // between quotes
	closed                 // behind a quote: the second of two is a quote inside
)

// follow goes on through a piece of a line.
func (q *quoting) follow(piece []byte, quote, separator byte) {
	for _, b := range piece {
		switch {
		case *q == inside && b != quote:
		case *q == inside:
			*q = closed
		case b == quote && (*q == atStart || *q == closed):
			*q = inside
		case b == separator || b == '\n':
			*q = atStart
		default:
			*q = plain
		}
	}
}
