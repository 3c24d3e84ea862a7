package cache

import (
	"math"
	"reflect"
	"sync"
	"time"
)

// MB is a measure for how much a cache may keep, in bytes.
const MB = 1 << 20

const (
	// perEntry is what a kept value costs beside itself: the cache's own record of it.
	perEntry = 200
	// perMapEntry is what an entry of a map costs beside its key and value.
	perMapEntry = 16
	// deepest ends the measuring of what leads to itself.
	deepest = 12
)

// weigh is about how many bytes of memory an entry takes, with all that its value leads to.
func weigh(key, value any) uint32 {
	if p, ok := value.(*derivedValue); ok {
		value = p.value
	}
	size := perEntry + deepSize(reflect.ValueOf(key), 0) + deepSize(reflect.ValueOf(value), 0)
	return uint32(min(size, math.MaxUint32))
}

// deepSize is the size of a value with what it points to.
func deepSize(v reflect.Value, depth int) uint64 {
	if !v.IsValid() {
		return 0
	}
	return uint64(v.Type().Size()) + beyond(v, depth)
}

// beyond is the size of what a value points to.
func beyond(v reflect.Value, depth int) (size uint64) {
	if depth > deepest || isFlat(v.Type()) {
		return 0
	}
	switch v.Kind() {
	case reflect.String:
		return uint64(v.Len())
	case reflect.Slice:
		size = uint64(v.Cap()) * uint64(v.Type().Elem().Size())
		return size + beyondEach(v, depth)
	case reflect.Array:
		return beyondEach(v, depth)
	case reflect.Map:
		return beyondMap(v, depth)
	case reflect.Pointer, reflect.Interface:
		return deepSize(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			size += beyond(v.Field(i), depth+1)
		}
	default:
	}
	return size
}

func beyondMap(m reflect.Value, depth int) (size uint64) {
	key, value := m.Type().Key(), m.Type().Elem()
	size = uint64(m.Len()) * (perMapEntry + uint64(key.Size()) + uint64(value.Size()))
	if isFlat(key) && isFlat(value) {
		return size
	}
	for entries := m.MapRange(); entries.Next(); {
		size += beyond(entries.Key(), depth+1) + beyond(entries.Value(), depth+1)
	}
	return size
}

func beyondEach(list reflect.Value, depth int) (size uint64) {
	if isFlat(list.Type().Elem()) {
		return 0
	}
	for i := range list.Len() {
		size += beyond(list.Index(i), depth+1)
	}
	return size
}

// flat remembers which types point to nothing.
var flat sync.Map

// isFlat reports whether values of a type are whole in themselves. A time's zone is everybody's, and so is a function.
func isFlat(t reflect.Type) bool {
	if known, ok := flat.Load(t); ok {
		return known.(bool)
	}
	is := true
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		is = false
	case reflect.Array:
		is = isFlat(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			is = is && isFlat(t.Field(i).Type)
		}
	default:
	}
	is = is || t == reflect.TypeFor[time.Time]()
	flat.Store(t, is)
	return is
}
