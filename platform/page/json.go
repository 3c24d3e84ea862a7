package page

import (
	"reflect"
	"sync"
)

// text is a list's JSON in a buffer that is used again. Copies of the list share it.
type text struct{ raw []byte }

// texts are buffers that wait for their next list: a page of tens of kilobytes each time would keep the collector busy.
var texts = sync.Pool{New: func() any { return new(text) }}

// mostText is the largest buffer that is kept.
const mostText = 256 << 10

// WithJSON returns the list with its JSON, which add appends to a buffer and returns. What changes the list afterwards must not
// keep it: make a list of another type.
func (l List[T]) WithJSON(add func(buffer []byte) []byte) List[T] {
	l.written = texts.Get().(*text)
	l.written.raw = add(l.written.raw[:0])
	return l
}

// JSON returns what WithJSON was given (nil: nothing), and of which type it is the JSON: a struct that embeds the list has this
// method too, but says more.
func (l List[T]) JSON() (raw []byte, of reflect.Type) {
	of = reflect.TypeFor[List[T]]()
	if l.written == nil {
		return nil, of
	}
	return l.written.raw, of
}

// Release gives the buffer back: raw was written out, and is not to be touched again. The list is written by its fields from now on.
func (l List[T]) Release() {
	raw := l.written.raw
	l.written.raw = nil
	if cap(raw) <= mostText {
		texts.Put(&text{raw})
	}
}
