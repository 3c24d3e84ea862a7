package refund

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/order"
	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/idempotency"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/plug"
)

// Deps are what the service needs.
type Deps struct {
	plug.In

	DB         *database.DB
	Store      *Store
	OrderStore *order.Store
	Orders     *order.Service
	Outbox     *outbox.Outbox
	Provider   payment.Provider
	Alerts     *order.Alerts
}

// Service has the refunds' use cases: what is asked for is in service.go, what is sent and settled at the provider in settle.go.
type Service struct {
	db         *database.DB
	store      *Store
	orderStore *order.Store
	orders     *order.Service
	outbox     *outbox.Outbox
	provider   payment.Provider
	alerts     *order.Alerts
}

func NewService(d Deps) *Service {
	return &Service{d.DB, d.Store, d.OrderStore, d.Orders, d.Outbox, d.Provider, d.Alerts}
}

// Refund sets money aside to be refunded and hands it to the job that sends it. Two at once never exceed what was captured.
func (s *Service) Refund(ctx context.Context, id uuid.UUID, request Request) (*Refund, error) {
	if len(request.Lines) > 0 && request.Amount != nil {
		return nil, errShape
	}
	if made, ok := idempotency.Attached(ctx); ok { // an earlier run of this request got that far
		r, err := s.store.ByID(ctx, made)
		return &r, err
	}
	var r *Refund
	_, err := s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		// A cancelled or refunded order was paid back already, unless that failed at the provider or the bank.
		if !o.Status.May(order.Refunded) && o.Status != order.Cancelled && o.Status != order.Refunded || !o.Payment.Settled() {
			return orders.ErrWrongState
		}
		amount, err := s.refundAmount(ctx, o, request)
		if err != nil {
			return err
		}
		if r, err = s.Create(ctx, o.Payment, Refund{Amount: amount, Reason: request.Reason, CreatedBy: &request.By}); err != nil {
			return err
		}
		if amount == 0 {
			if err := s.noteFreePieces(ctx, o); err != nil {
				return err
			}
		}
		return idempotency.Attach(ctx, r.ID)
	})
	return r, err
}

// refundAmount works out the amount of a request, and withdraws the pieces that will not be shipped.
func (s *Service) refundAmount(ctx context.Context, o *order.Order, request Request) (int64, error) {
	left := o.Payment.Refundable()
	switch {
	case len(request.Lines) > 0:
		return s.RefundLines(ctx, o, request.Lines, request.Restock)
	case request.Amount == nil:
		var rest []order.ItemQuantity
		for _, item := range o.Items {
			if n := item.Quantity - item.Refunded; n > 0 {
				rest = append(rest, order.ItemQuantity{ItemID: item.ID, Quantity: n})
			}
		}
		if left == 0 && (o.Payment.Captured > 0 || len(rest) == 0) {
			return 0, order.ErrRefundExceeds
		}
		_, err := s.RefundLines(ctx, o, rest, request.Restock)
		return left, err
	case request.Amount.Currency != o.Currency:
		return 0, errCurrency
	case request.Amount.Amount <= 0:
		return 0, errAmount
	default:
		return request.Amount.Amount, nil
	}
}

// RefundLines counts pieces as refunded, in the transaction that holds the order's lock, and returns their amount. Those that
// were not shipped come first, are withdrawn and go back on the shelf. Where restock is given the pieces are shipped ones, as far
// as there are any, and go back on the shelf if it is true. A partially shipped order of which nothing is left to ship is shipped.
func (s *Service) RefundLines(ctx context.Context, o *order.Order, lines []order.ItemQuantity, restock *bool) (int64, error) {
	var amount int64
	var back []products.Line
	for i, line := range lines {
		item, err := o.Item(i, line.ItemID)
		if err != nil {
			return 0, err
		}
		if item.Refunded+line.Quantity > item.Quantity {
			return 0, order.ErrRefundExceeds
		}
		amount += item.RefundAmount(line.Quantity)
		shipped := line.Quantity - min(line.Quantity, item.ToShip())
		if restock != nil {
			shipped = min(line.Quantity, item.WithCustomer())
		}
		unshipped := line.Quantity - shipped
		item.Withdraw(unshipped)
		item.Refunded += shipped
		returned := unshipped
		if restock != nil && *restock {
			returned += item.Restock(shipped)
		}
		if returned > 0 {
			back = append(back, products.Line{VariantID: item.VariantID, Quantity: returned})
		}
	}
	if err := s.orders.Restock(ctx, o, back); err != nil {
		return 0, err
	}
	if o.Status == order.PartiallyShipped && !o.AnythingToShip() { // whether or not the money gets through
		return amount, s.orders.Move(ctx, o, order.Shipped, "the rest will not be shipped")
	}
	return amount, nil
}

// RefundReturned counts pieces that came back as refunded, in the transaction that holds the order's lock, and returns their
// amount: nothing for those that have been refunded already. With restock all of them go on the shelf again.
func (s *Service) RefundReturned(ctx context.Context, o *order.Order, lines []order.ItemQuantity, restock bool) (int64, error) {
	var amount int64
	var back []products.Line
	for i, line := range lines {
		item, err := o.Item(i, line.ItemID)
		if err != nil {
			return 0, err
		}
		n := min(line.Quantity, item.WithCustomer())
		amount += item.RefundAmount(n)
		item.Refunded += n
		if restock {
			if n := item.Restock(line.Quantity); n > 0 {
				back = append(back, products.Line{VariantID: item.VariantID, Quantity: n})
			}
		}
	}
	return amount, s.orders.Restock(ctx, o, back)
}

// noteFreePieces is what follows for an order from a refund of pieces that cost nothing: there is no money to wait for.
func (s *Service) noteFreePieces(ctx context.Context, o *order.Order) error {
	const note = "pieces that cost nothing were refunded"
	if o.AnythingUnrefunded() || o.Payment.Refundable() > 0 || !o.Status.May(order.Refunded) {
		return s.orderStore.Note(ctx, o, note)
	}
	return s.orders.Move(ctx, o, order.Refunded, note)
}

// RefundRemainder refunds all that is left of a payment, once for each payment.
func (s *Service) RefundRemainder(ctx context.Context, p order.Payment, reason string) error {
	if p.Refundable() == 0 {
		return nil
	}
	_, err := s.Create(ctx, p, Refund{Amount: p.Refundable(), Reason: reason, Cause: remainderCause + p.ID.String()})
	return err
}

// Create writes a refund of a payment and enqueues its job, in the transaction that holds the order's lock. Without a cause,
// each call is a refund of its own; more than is left is order.ErrRefundExceeds. One of nothing has succeeded already.
func (s *Service) Create(ctx context.Context, p order.Payment, r Refund) (*Refund, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	if r.Amount < 0 {
		return nil, errAmount
	}
	r.ID, r.OrderID, r.PaymentID, r.Currency, r.Status = id, p.OrderID, p.ID, p.Currency, Pending
	if r.Cause == "" {
		r.Cause = "refund " + id.String()
	}
	if r.Amount == 0 {
		r.Status = Succeeded
	}
	made, err := s.store.Insert(ctx, &r)
	if err != nil || !made || r.Amount == 0 {
		return &r, err
	}
	return &r, s.outbox.Enqueue(ctx, SendRefund{RefundID: id}, outbox.Urgent())
}
