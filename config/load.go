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
// ("KEY=value"). It returns Faults naming every unknown key and every bad value at once.
func load(target any, layers []layer, environ []string) error {
	leaves := walk("", reflect.ValueOf(target).Elem())
	values, faults := readLayers(leaves, layers)
	faults = append(faults, readEnvironment(leaves, environ, values)...)
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
		return slices.Compact(faults)
	}
	return nil
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

func readLayers(leaves []leaf, layers []layer) (values map[string]any, faults Faults) {
	values = map[string]any{}
	merged := koanf.New(".")
	for _, l := range layers {
		k := koanf.New(".")
		if err := k.Load(rawbytes.Provider(l.yaml), yaml.Parser()); err != nil {
			faults = append(faults, fmt.Sprintf("%s: not readable as YAML: %v", l.name, err))
			continue
		}
		if err := merged.Merge(k); err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", l.name, err))
		}
		for _, key := range k.Keys() {
			if owner, ok := ownerOf(leaves, key); ok {
				values[owner] = merged.Get(owner)
			} else {
				faults = append(faults, fmt.Sprintf("%s: unknown key (in %s)", key, l.name))
			}
		}
	}
	return values, faults
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

func readEnvironment(leaves []leaf, environ []string, values map[string]any) (faults Faults) {
	names := map[string]leaf{}
	for _, l := range leaves {
		names[variable(l.key)] = l
	}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, prefix) || reserved[name] {
			continue
		}
		l, ok := names[name]
		switch {
		case !ok:
			faults = append(faults, fmt.Sprintf("%s: unknown environment variable", name))
		case l.value.Kind() == reflect.Slice && value == "":
			values[l.key] = []string{}
		default:
			values[l.key] = value
		}
	}
	return faults
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
			mapstructure.StringToSliceHookFunc(","),
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
