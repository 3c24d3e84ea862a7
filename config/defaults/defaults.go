// Package defaults describes the default of every setting, once: the server reads it below the operator's file and environment,
// and tests that need one section's settings read it from here.
package defaults

import (
	_ "embed"
	"fmt"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// YAML is the document of all defaults. It must not be changed.
//
//go:embed defaults.yaml
var YAML []byte

// Section reads one section ("http") as the type that its owner declares for it. It panics where the section does not fit the type:
// the document is part of the program, so that this is a mistake in the source.
func Section[T any](name string) T {
	document := koanf.New(".")
	if err := document.Load(rawbytes.Provider(YAML), yaml.Parser()); err != nil {
		panic(fmt.Sprintf("defaults: %v", err))
	}
	var section T
	err := document.UnmarshalWithConf(name, &section, koanf.UnmarshalConf{Tag: "koanf", DecoderConfig: &mapstructure.DecoderConfig{
		TagName: "koanf", WeaklyTypedInput: true, ErrorUnused: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc()),
	}})
	if err != nil {
		panic(fmt.Sprintf("defaults: section %s: %v", name, err))
	}
	return section
}
