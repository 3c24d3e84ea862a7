package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"
	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// prefix begins the name of every environment variable that Atrium reads.
const prefix = "ATRIUM_"

// reserved are the variables with our prefix that are not configuration: where the file is, and where the local stack is.
var reserved = map[string]bool{"ATRIUM_CONFIG": true, "ATRIUM_ENDPOINTS": true}

// renamed are settings that moved, by their old key: it and its variable work for one release more.
var renamed = map[string]string{"auth.master_key": "keys.master"}

// Faults are all that is wrong with a configuration, one sentence each, in a stable order.
type Faults []string

// Error lists the faults, one a line.
func (f Faults) Error() string {
	return "the configuration is not usable:\n  - " + strings.Join(f, "\n  - ")
}

// leaf is one setting: its key ("http.drain_timeout") and where its value goes.
type leaf struct {
	key   string
	value reflect.Value
}

// load fills target (a pointer to a struct with koanf tags) from the layers in order: YAML documents, then the environment
// ("KEY=value"). It returns a notice for every setting under an old name, or Faults naming every unknown key and every bad value
// at once.
func load(target any, layers []layer, environ []string) (notices []string, err error) {
	leaves := walk("", reflect.ValueOf(target).Elem())
	r := reading{leaves: leaves, values: map[string]any{}}
	r.layers(layers)
	r.environment(environ)
	values, faults := r.values, r.faults
	unreadable := map[string]bool{}
	for _, l := range leaves {
		if v, ok := values[l.key]; ok {
			if err := decode(v, l.value); err != nil {
				faults = append(faults, fmt.Sprintf("%s: %v", l.key, err))
				unreadable[l.key] = true
			}
		}
	}
	faults = append(faults, validate(target, unreadable)...)
	if len(faults) > 0 {
		slices.Sort(faults)
		return nil, slices.Compact(faults)
	}
	return r.notices, nil
}

// layer is one YAML document and how to call it in a sentence.
type layer struct {
	name string
	yaml []byte
}

func fileLayer(path string) (layer, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return layer{}, Faults{fmt.Sprintf("cannot read the file: %v", err)}
	}
	return layer{name: path, yaml: raw}, nil
}

// reading collects what the layers and the environment say, by key.
type reading struct {
	leaves  []leaf
	values  map[string]any
	faults  Faults
	notices []string
}

func (r *reading) layers(layers []layer) {
	merged := koanf.New(".")
	for _, l := range layers {
		k := koanf.New(".")
		if err := k.Load(rawbytes.Provider(l.yaml), yaml.Parser()); err != nil {
			r.faults = append(r.faults, fmt.Sprintf("%s: not readable as YAML: %v", l.name, err))
			continue
		}
		r.carryRenamed(k, l.name)
		if err := merged.Merge(k); err != nil {
			r.faults = append(r.faults, fmt.Sprintf("%s: %v", l.name, err))
		}
		for _, key := range k.Keys() {
			if owner, ok := ownerOf(r.leaves, key); ok {
				r.values[owner] = merged.Get(owner)
			} else {
				r.faults = append(r.faults, fmt.Sprintf("%s: unknown key (in %s)", key, l.name))
			}
		}
	}
}

// carryRenamed puts what a layer says under an old key under the new one.
func (r *reading) carryRenamed(k *koanf.Koanf, layer string) {
	for old, key := range renamed {
		if !k.Exists(old) {
			continue
		}
		if k.Exists(key) {
			r.faults = append(r.faults, fmt.Sprintf("%s: is called %s now, and %s sets both: remove the old one", old, key, layer))
		}
		r.renamed(old, key)
		if err := k.Set(key, k.Get(old)); err != nil {
			r.faults = append(r.faults, fmt.Sprintf("%s: %v (in %s)", key, err, layer))
		}
		k.Delete(old)
	}
}

func (r *reading) renamed(old, key string) {
	r.notices = append(r.notices, fmt.Sprintf("%s is called %s now; the old name stops working with the next release", old, key))
}

// ownerOf finds the setting that a flattened key belongs to: itself, or a map above it.
func ownerOf(leaves []leaf, key string) (string, bool) {
	for _, l := range leaves {
		if key == l.key || (l.value.Kind() == reflect.Map && strings.HasPrefix(key, l.key+".")) {
			return l.key, true
		}
	}
	return "", false
}

func (r *reading) environment(environ []string) {
	names := map[string]leaf{}
	for _, l := range r.leaves {
		names[variable(l.key)] = l
	}
	oldNames := map[string]string{}
	for old, key := range renamed {
		oldNames[variable(old)] = variable(key)
	}
	set := map[string]string{} // by today's name: the variable that set it
	for _, pair := range environ {
		given, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(given, prefix) || reserved[given] {
			continue
		}
		name := given
		if today, old := oldNames[given]; old {
			name = today
			r.renamed(given, name)
		}
		if other, twice := set[name]; twice && other != given {
			r.faults = append(r.faults, fmt.Sprintf("%s: is set by %s and %s: remove the old one", name, min(given, other), max(given, other)))
		}
		set[name] = given
		l, ok := names[name]
		switch {
		case !ok:
			r.faults = append(r.faults, fmt.Sprintf("%s: unknown environment variable", name))
		case l.value.Kind() == reflect.Slice && value == "":
			r.values[l.key] = []string{}
		default:
			r.values[l.key] = value
		}
	}
}

// variable names the environment variable of a key: http.drain_timeout -> ATRIUM_HTTP_DRAIN_TIMEOUT.
func variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// walk lists the settings of a struct in the order they are written.
func walk(path string, v reflect.Value) (leaves []leaf) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := field.Tag.Get("koanf")
		if name == "" {
			continue
		}
		key := strings.TrimPrefix(path+"."+name, ".")
		switch f := v.Field(i); {
		case f.Type() == reflect.TypeFor[Modules]():
			for _, module := range slices.Sorted(maps.Keys(f.Interface().(Modules))) {
				leaves = append(leaves, leaf{key + "." + module, f.MapIndex(reflect.ValueOf(module)).Elem()})
			}
		case f.Kind() == reflect.Struct && !isText(f):
			leaves = append(leaves, walk(key, f)...)
		default:
			leaves = append(leaves, leaf{key, f})
		}
	}
	return leaves
}

func isText(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

func decode(raw any, into reflect.Value) error {
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: into.Addr().Interface(), TagName: "koanf", WeaklyTypedInput: true, ErrorUnused: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.TextUnmarshallerHookFunc(),
			mapstructure.DecodeHookFuncType(splitList),
		),
	})
	if err != nil {
		return err
	}
	if decoder.Decode(raw) != nil {
		return fmt.Errorf("not a valid value (%s)", expectation(into.Type()))
	}
	return nil
}

// splitList splits the value of a variable at its commas, for lists of texts and of secrets alike.
func splitList(from, to reflect.Type, value any) (any, error) {
	if from.Kind() != reflect.String || to.Kind() != reflect.Slice || to.Elem().Kind() != reflect.String {
		return value, nil
	}
	if text := reflect.ValueOf(value).String(); text != "" {
		return strings.Split(text, ","), nil
	}
	return []string{}, nil
}

// expectation says what a type takes, without repeating the value: it may be a secret.
func expectation(t reflect.Type) string {
	switch {
	case t.String() == "time.Duration":
		return "a duration such as 30s"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64 || t.Kind() == reflect.Int32:
		return "a whole number"
	case t == reflect.TypeFor[Switch]():
		return "on or off"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "a list"
	}
	return "a value of type " + t.String()
}

// validate checks the rules of each setting, except of those whose value could not even be read.
func validate(target any, unreadable map[string]bool) (faults Faults) {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("koanf") })
	var wrong validator.ValidationErrors
	if errors.As(v.Struct(target), &wrong) {
		for _, w := range wrong {
			_, key, _ := strings.Cut(w.Namespace(), ".")
			if unreadable[key] {
				continue
			}
			faults = append(faults, fmt.Sprintf("%s: %s", key, complaint(key, w)))
		}
	}
	return faults
}

func complaint(key string, w validator.FieldError) string {
	switch w.Tag() {
	case "required":
		return "is missing (set it in the file or as " + variable(key) + ")"
	case "url":
		return "must be a URL with a scheme"
	case "min":
		return "must be at least " + w.Param()
	case "max":
		return "must be at most " + w.Param()
	case "oneof":
		return "must be one of " + strings.ReplaceAll(w.Param(), " ", ", ")
	}
	return "is not valid (" + strings.TrimSuffix(w.Tag()+" "+w.Param(), " ") + ")"
}
