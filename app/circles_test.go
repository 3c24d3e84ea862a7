package app

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/dig"
	"go.uber.org/fx"

	"atrium/platform/plug"
)

// constructor is what fx knows of one: the module that may alone use it ("" for everybody), the types that it needs and those that it makes.
type constructor struct {
	module       string
	private      bool
	needs, makes []reflect.Type
}

func (c constructor) String() string { return fmt.Sprintf("%v of %q", c.makes, c.module) }

// constructors reads all that options provide, out of fx's own types: it has no list of them. Members of groups make nothing that others need.
func constructors(v reflect.Value, module string) (all []constructor) {
	switch kind := v.Kind(); {
	case kind == reflect.Interface:
		return constructors(v.Elem(), module)
	case kind == reflect.Slice:
		for i := range v.Len() {
			all = append(all, constructors(v.Index(i), module)...)
		}
	case kind == reflect.Struct && v.Type().Name() == "moduleOption":
		return constructors(v.FieldByName("options"), v.FieldByName("name").String())
	case kind == reflect.Struct && v.Type().Name() == "provideOption":
		return provided(v.FieldByName("Targets"), module)
	}
	return all
}

func provided(targets reflect.Value, module string) (all []constructor) {
	private := false
	for i := range targets.Len() {
		target := targets.Index(i).Elem()
		switch {
		case target.Kind() == reflect.Func:
			all = append(all, constructor{module: module, needs: members(target.Type().NumIn(), target.Type().In), makes: members(target.Type().NumOut(), target.Type().Out)})
		case target.Type().Name() == "annotated" && target.FieldByName("ParamTags").Len() == 0:
			f := target.FieldByName("Target").Elem().Type()
			all = append(all, constructor{module: module, needs: members(f.NumIn(), f.In)})
		case target.Type().Name() == "privateOption":
			private = true
		}
	}
	for i := range all {
		all[i].private = private
	}
	return all
}

// members are the types of parameters or results: of a struct of them those of its fields.
func members(n int, at func(int) reflect.Type) (types []reflect.Type) {
	for i := range n {
		t := at(i)
		if !dig.IsIn(t) && !dig.IsOut(t) {
			types = append(types, t)
			continue
		}
		for j := range t.NumField() {
			if f := t.Field(j); !f.Anonymous && f.Tag.Get("group") == "" {
				types = append(types, f.Type)
			}
		}
	}
	return types
}

// circles lists constructors that need, in the end, what they make themselves.
func circles(options ...fx.Option) (found []string, looked int) {
	all := constructors(reflect.ValueOf(options), "")
	const open, done = 1, 2
	state := make([]int, len(all))
	var visit func(i int, path []int)
	visit = func(i int, path []int) {
		if path = append(path, i); state[i] == open {
			found = append(found, fmt.Sprint(named(all, path[slices.Index(path, i):])))
		}
		if state[i] != 0 {
			return
		}
		state[i] = open
		for _, need := range all[i].needs {
			if j := maker(all, all[i].module, need); j >= 0 {
				visit(j, slices.Clone(path))
			}
		}
		state[i] = done
	}
	for i := range all {
		visit(i, nil)
	}
	return found, len(all)
}

// maker is who makes a type for a module, -1 if nobody does: its own private constructor before others'.
func maker(all []constructor, module string, t reflect.Type) int {
	for _, private := range []bool{true, false} {
		if i := slices.IndexFunc(all, func(c constructor) bool {
			return c.private == private && (!private || c.module == module) && slices.Contains(c.makes, t)
		}); i >= 0 {
			return i
		}
	}
	return -1
}

func named(all []constructor, path []int) (names []string) {
	for _, i := range path {
		names = append(names, all[i].String())
	}
	return names
}

// fx looks for circles in what modules provide to all, and within one module. One through the private constructors of two it follows until the
// stack overflows.
func TestNoConstructorNeedsItself(t *testing.T) {
	t.Parallel()
	type (
		a       struct{}
		b       struct{}
		insideA struct{}
		insideB struct{}
		needs   struct {
			plug.In
			A a
		}
	)
	left := fx.Module("left", plug.Private(func(b) insideA { return insideA{} }), fx.Provide(func(insideA) a { return a{} }))
	right := fx.Module("right", plug.Private(func(needs) insideB { return insideB{} }), fx.Provide(func(insideB) b { return b{} }))
	found, looked := circles(left, right)
	require.Len(t, found, 1, "through two modules")
	require.Equal(t, 4, looked)
	found, _ = circles(left, fx.Module("right", fx.Provide(func() b { return b{} })))
	require.Empty(t, found)

	options := []fx.Option{platform}
	for _, m := range catalogue {
		options = append(options, m.on)
	}
	found, looked = circles(options...)
	require.Empty(t, found)
	require.Greater(t, looked, 200)
}
