// Package stock moves stock: every movement is written to a ledger whose sum is the level.
package stock

import (
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/fault"
	"atrium/platform/text"
)

var (
	// ErrTooLow: a level would be below what is reserved.
	ErrTooLow = fault.Conflict("products.stock_too_low", "There is less in stock that is not reserved.")
	errReason = fault.Invalid("products.invalid_reason", "The reason cannot be written down like this.")
)

const maxReason = 200

func cleanReason(reason *string) error {
	return text.Clean(errReason, text.Input{Pointer: "/body/reason", Text: reason, Limit: maxReason, Required: true})
}

// movement is one kind of change of a variant's stock, in pieces for each piece asked for.
type movement struct {
	kind             string
	onHand, reserved int64
}

var (
	reserve = movement{"reserve", 0, 1}
	release = movement{"release", 0, -1}
	sell    = movement{"sell", -1, -1}
	restock = movement{"restock", 1, 0}
)

// Level is a variant's stock.
type Level struct {
	ProductID uuid.UUID
	OnHand    int64
	Reserved  int64
}

// Available is what can still be reserved.
func (l Level) Available() int64 { return l.OnHand - l.Reserved }

// summed adds up the lines of one variant and puts variants in id order: whoever moves several takes the locks in one order.
func summed(lines []products.Line) []products.Line {
	quantities := make(map[uuid.UUID]int64, len(lines))
	for _, l := range lines {
		quantities[l.VariantID] += l.Quantity
	}
	sum := make([]products.Line, 0, len(quantities))
	for id, quantity := range quantities {
		sum = append(sum, products.Line{VariantID: id, Quantity: quantity})
	}
	slices.SortFunc(sum, func(a, b products.Line) int { return slices.Compare(a.VariantID[:], b.VariantID[:]) })
	return sum
}

// Shortage is one line of the detail shortages of products.ErrInsufficientStock.
type Shortage struct {
	VariantID uuid.UUID `json:"variant_id"`
	Requested int64     `json:"requested"`
	Available int64     `json:"available"`
}
