package product

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"atrium/platform/fault"
	"atrium/platform/text"
)

// ErrTexts: a text is too long, or shows nothing where one is needed.
var ErrTexts = fault.Invalid("products.invalid_text", "It cannot be saved like this.")

// How many characters texts have at most, as people see them.
const (
	MaxName        = 200 // of a product or a variant
	maxBrand       = 120
	maxDescription = 10_000
	maxTag         = 120 // of a tag or a material
	maxOption      = 120 // of the name of an option or its value
	MaxSKU         = 64
)

// Clean brings the texts of a product into the form in which they are kept, or returns ErrTexts; at is where the request has them.
func (d *Draft) Clean(at string) error {
	return (&Change{Name: &d.Name, Brand: &d.Brand, Description: &d.Description, Tags: &d.Tags, Materials: &d.Materials}).Clean(at)
}

// Clean brings the texts of a change into the form in which they are kept, or returns ErrTexts; at is where the request has them.
func (c *Change) Clean(at string) error {
	inputs := []text.Input{
		{Pointer: at + "/name", Text: c.Name, Limit: MaxName, Required: true},
		{Pointer: at + "/brand", Text: c.Brand, Limit: maxBrand},
		{Pointer: at + "/description", Text: c.Description, Limit: maxDescription, Block: true},
	}
	inputs = slices.Concat(inputs, inputsOf(at+"/tags", c.Tags), inputsOf(at+"/materials", c.Materials))
	return text.Clean(ErrTexts, inputs...)
}

// pointerToken writes a name as a part of a JSON pointer.
var pointerToken = strings.NewReplacer("~", "~0", "/", "~1")

// inputsOf are the texts of a list. What shows nothing is left out of it later.
func inputsOf(pointer string, list *[]string) []text.Input {
	if list == nil {
		return nil
	}
	*list = slices.Clone(*list)
	inputs := make([]text.Input, len(*list))
	for i := range *list {
		inputs[i] = text.Input{Pointer: pointer + "/" + strconv.Itoa(i), Text: &(*list)[i], Limit: maxTag}
	}
	return inputs
}

// Clean brings the texts of a variant into the form in which they are kept, or returns ErrTexts; at is where the request has them.
func (d *VariantDraft) Clean(at string) error {
	return (&VariantChange{SKU: &d.SKU, Name: &d.Name, Options: &d.Options}).Clean(at)
}

// Clean brings the texts of a change into the form in which they are kept, or returns ErrTexts; at is where the request has them.
func (c *VariantChange) Clean(at string) error {
	err := text.Clean(ErrTexts,
		text.Input{Pointer: at + "/sku", Text: c.SKU, Limit: MaxSKU, Required: true},
		text.Input{Pointer: at + "/name", Text: c.Name, Limit: MaxName})
	if err != nil || c.Options == nil {
		return err
	}
	*c.Options, err = CleanOptions(at+"/options", *c.Options)
	return err
}

// CleanOptions returns options with their texts as they are kept, or ErrTexts where a name shows nothing or is there twice.
func CleanOptions(pointer string, options map[string]string) (map[string]string, error) {
	clean := make(map[string]string, len(options))
	for _, name := range slices.Sorted(maps.Keys(options)) {
		value, at := options[name], pointer+"/"+pointerToken.Replace(name)
		err := text.Clean(ErrTexts,
			text.Input{Pointer: at, Text: &name, Limit: maxOption, Required: true},
			text.Input{Pointer: at, Text: &value, Limit: maxOption})
		if err != nil {
			return nil, err
		}
		if _, twice := clean[name]; twice {
			return nil, ErrTexts.At(at, "is there twice")
		}
		clean[name] = value
	}
	return clean, nil
}
