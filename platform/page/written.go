package page

import "reflect"

// Written returns the list together with the JSON that says the same: whoever has that already spares encoding it again.
func (l List[T]) Written(raw []byte) List[T] {
	l.written = raw
	return l
}

// Wire returns what Written was given (nil: nothing), and of which type it is the JSON: a struct that embeds the list has this
// method too, but says more.
func (l List[T]) Wire() (raw []byte, of reflect.Type) { return l.written, reflect.TypeFor[List[T]]() }
