package order

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/platform/database"
)

// Service reads orders and takes them from one status to the next, with their pieces. It is orders.Reader.
type Service struct {
	db    *database.DB
	store *Store
	stock products.Stock
}

func NewService(db *database.DB, store *Store, stock products.Stock) *Service {
	return &Service{db, store, stock}
}

// Page reads orders, newest first.
func (s *Service) Page(ctx context.Context, sel Selection) ([]*Order, error) {
	return s.store.Page(ctx, sel)
}

// Receipt satisfies orders.Reader.
func (s *Service) Receipt(ctx context.Context, id uuid.UUID) (orders.Receipt, error) {
	o, err := s.store.ByID(ctx, id)
	if err != nil {
		return orders.Receipt{}, err
	}
	receipt := orders.Receipt{
		Number: o.Number, Subtotal: o.Money(o.Subtotal), Shipping: o.Money(o.Shipping), Discount: o.Money(o.Discount),
		Tax: o.Money(o.Tax), Total: o.Money(o.Total),
	}
	for _, item := range o.Items {
		receipt.Lines = append(receipt.Lines, orders.ReceiptLine{
			Name: item.Name, SKU: item.SKU, Quantity: item.Quantity, Total: o.Money(item.LineTotal),
		})
	}
	return receipt, nil
}

// Expired satisfies orders.Reader.
func (s *Service) Expired(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	found, err := s.store.InStatus(ctx, Expired, ids)
	expired := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		expired[id] = true
	}
	return expired, err
}

// Change runs one step of an order under its lock and returns the order then, or orders.ErrNotFound.
func (s *Service) Change(ctx context.Context, id uuid.UUID, step func(ctx context.Context, o *Order) error) (*Order, error) {
	var o *Order
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if o, err = s.store.Lock(ctx, id); err != nil {
			return err
		}
		return step(ctx, o)
	})
	return o, err
}

// Move takes an order one step on, in the transaction that holds its lock: orders.ErrWrongState where the table has no such step.
func (s *Service) Move(ctx context.Context, o *Order, to Status, note string) error {
	if !o.Status.May(to) {
		return orders.ErrWrongState
	}
	o.Status = to
	if err := s.store.SetStatus(ctx, o); err != nil {
		return err
	}
	return s.store.Note(ctx, o, note)
}

// Progress notes how far an order's pieces got, in the transaction that holds its lock. Its status says so, unless money has gone
// back: then it stays as it is.
func (s *Service) Progress(ctx context.Context, o *Order, to Status, note string) error {
	if !o.Status.refunded() {
		return s.Move(ctx, o, to, note)
	}
	if err := s.store.SetStatus(ctx, o); err != nil {
		return err
	}
	return s.store.Note(ctx, o, note)
}

// Reserve sets an order's pieces aside, in the transaction open in ctx, or returns products.ErrInsufficientStock.
func (s *Service) Reserve(ctx context.Context, o *Order) error {
	o.Stock = StockReserved
	return s.stock.Reserve(ctx, o.ID, o.StockLines())
}

// Sell makes an order's reserved pieces its own, once. The caller writes the order.
func (s *Service) Sell(ctx context.Context, o *Order) error {
	if o.Stock != StockReserved {
		return nil
	}
	o.Stock = StockSold
	return s.stock.Sell(ctx, o.ID, o.StockLines())
}

// Release puts an order's pieces back on the shelf, wherever they are, once. The caller writes the order.
func (s *Service) Release(ctx context.Context, o *Order) error {
	var err error
	switch o.Stock {
	case StockReserved:
		err = s.stock.Release(ctx, o.ID, o.StockLines())
	case StockSold:
		err = s.stock.Restock(ctx, o.ID, o.StockLines())
	case StockReturned:
	}
	o.Stock = StockReturned
	return err
}

// Restock puts some pieces back on the shelf that the order has no longer, and writes its lines. Before its job has run, the
// order buys them first: then the stock movements show what happened.
func (s *Service) Restock(ctx context.Context, o *Order, back []products.Line) error {
	if len(back) > 0 && o.Stock != StockReturned {
		if o.Stock == StockReserved {
			o.Stock = StockSold
			if err := s.stock.Sell(ctx, o.ID, append(o.StockLines(), back...)); err != nil {
				return err
			}
			if err := s.store.SetStatus(ctx, o); err != nil {
				return err
			}
		}
		if err := s.stock.Restock(ctx, o.ID, back); err != nil {
			return err
		}
	}
	return s.store.SetItems(ctx, o)
}

// WithdrawRest takes what was not shipped out of an order that is refunded as a whole: it never will be, and goes back on the
// shelf. The caller writes the order.
func (s *Service) WithdrawRest(ctx context.Context, o *Order) error {
	if o.Stock == StockReserved {
		if err := s.Release(ctx, o); err != nil {
			return err
		}
	}
	var back []products.Line
	for i := range o.Items {
		item := &o.Items[i]
		if n := item.ToShip(); n > 0 {
			item.Withdrawn += n
			back = append(back, products.Line{VariantID: item.VariantID, Quantity: n})
		}
		item.Refunded = item.Quantity
	}
	return s.Restock(ctx, o, back)
}

// SweepLimit bounds how many orders, payments or refunds one sweep looks at.
const SweepLimit = 100

// Each does something for every id. One that fails does not hold the others up; the errors come joined.
func Each(ctx context.Context, ids []uuid.UUID, do func(context.Context, uuid.UUID) error) error {
	var failed []error
	for _, id := range ids {
		failed = append(failed, do(ctx, id))
	}
	return errors.Join(failed...)
}
