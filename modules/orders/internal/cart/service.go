package cart

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/fault"
)

// Service has the cart's use cases.
type Service struct {
	db        *database.DB
	store     *Store
	catalogue products.Catalogue
	currency  string
}

func NewService(db *database.DB, store *Store, catalogue products.Catalogue, cfg orders.Config) *Service {
	return &Service{db: db, store: store, catalogue: catalogue, currency: cfg.Currency}
}

// Read returns the cart as it is now.
func (s *Service) Read(ctx context.Context, user uuid.UUID) (Cart, error) {
	rows, err := s.store.Rows(ctx, user)
	if err != nil {
		return Cart{}, err
	}
	offers, err := s.offers(ctx, rows)
	if err != nil {
		return Cart{}, err
	}
	return show(rows, offers, s.currency)
}

// Put sets the quantity of a variant, 0 takes it out. What is not sold is products.ErrNotFound.
func (s *Service) Put(ctx context.Context, user, variant uuid.UUID, quantity int64) error {
	if quantity == 0 {
		return s.Remove(ctx, user, variant)
	}
	offers, err := s.catalogue.Offers(ctx, []uuid.UUID{variant})
	if err != nil {
		return err
	}
	return s.put(ctx, user, variant, quantity, offers)
}

func (s *Service) put(ctx context.Context, user, variant uuid.UUID, quantity int64, offers map[uuid.UUID]products.Offer) error {
	offer, known := offers[variant]
	if !known || !offer.OnSale {
		return products.ErrNotFound
	}
	if quantity > MaxQuantity {
		return errTooMany
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Lock(ctx, user); err != nil {
			return err
		}
		others, err := s.store.Count(ctx, user, variant)
		if err != nil {
			return err
		}
		if others >= maxLines {
			return errFull
		}
		return s.store.Put(ctx, Row{
			UserID: user, VariantID: variant, ProductID: offer.Product.ID, ProductName: offer.Product.Name, Quantity: quantity,
			PriceAmount: offer.Price.Amount, PriceCurrency: offer.Price.Currency,
		})
	})
}

// Remove takes a variant out; one that is not there is no error.
func (s *Service) Remove(ctx context.Context, user, variant uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Lock(ctx, user); err != nil {
			return err
		}
		return s.store.Remove(ctx, user, variant)
	})
}

// Outcome says what became of one line of PutAll: Refused is nil where it is in the cart.
type Outcome struct {
	VariantID uuid.UUID
	Refused   *fault.Error
}

// PutAll sets the quantities of several variants; those of a variant that is named more than once are added up. Each variant
// stands for itself, and the limits hold for its sum.
func (s *Service) PutAll(ctx context.Context, user uuid.UUID, lines []products.Line) ([]Outcome, error) {
	var ids []uuid.UUID // each once, in the order of the request
	sums := map[uuid.UUID]int64{}
	for _, line := range lines {
		if _, again := sums[line.VariantID]; !again {
			ids = append(ids, line.VariantID)
		}
		sums[line.VariantID] += line.Quantity
	}
	offers, err := s.catalogue.Offers(ctx, ids)
	if err != nil {
		return nil, err
	}
	refused := map[uuid.UUID]*fault.Error{}
	for _, id := range ids {
		var refusal *fault.Error
		err := s.put(ctx, user, id, sums[id], offers)
		if errors.As(err, &refusal) && refusal.Kind != fault.KindUnavailable {
			refused[id] = refusal
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	outcomes := make([]Outcome, len(lines))
	for i, line := range lines {
		outcomes[i] = Outcome{line.VariantID, refused[line.VariantID]}
	}
	return outcomes, nil
}

// Take takes the lines out of the cart for an order, in the transaction open in ctx, and returns them at the prices of now. It must be what
// version names: orders.ErrCartChanged or orders.ErrPriceChanged carry the difference. What cannot be bought stops it as well.
func (s *Service) Take(ctx context.Context, user uuid.UUID, version string) (Cart, error) {
	if err := s.store.Lock(ctx, user); err != nil {
		return Cart{}, err
	}
	c, err := s.Read(ctx, user)
	if err != nil {
		return Cart{}, err
	}
	if err := check(c, version); err != nil {
		return Cart{}, err
	}
	variants := make([]uuid.UUID, len(c.Lines))
	for i, line := range c.Lines {
		variants[i] = line.VariantID
	}
	return c, s.store.Remove(ctx, user, variants...)
}

func check(c Cart, version string) error {
	moved, repriced := differences(c, version)
	if len(moved) > 0 {
		return orders.ErrCartChanged.Detail("lines", moved)
	}
	if len(c.Lines) == 0 {
		return errEmpty
	}
	for _, p := range c.Problems {
		switch p.Code {
		case Discontinued:
			return errDiscontinued.Detail("problems", c.Problems)
		case CurrencyMismatch:
			return errCurrencies.Detail("problems", c.Problems)
		}
	}
	if len(repriced) > 0 {
		return orders.ErrPriceChanged.Detail("prices", repriced)
	}
	return nil
}

// GiveBack puts rows in again, in the transaction open in ctx.
func (s *Service) GiveBack(ctx context.Context, user uuid.UUID, rows []Row) error {
	if err := s.store.Lock(ctx, user); err != nil {
		return err
	}
	for _, row := range rows {
		row.UserID = user
		if err := s.store.GiveBack(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// TakeBack takes pieces out that GiveBack had put in, as far as they are still there, in the transaction open in ctx.
func (s *Service) TakeBack(ctx context.Context, user uuid.UUID, lines []products.Line) error {
	if err := s.store.Lock(ctx, user); err != nil {
		return err
	}
	for _, line := range lines {
		if err := s.store.Reduce(ctx, user, line.VariantID, line.Quantity); err != nil {
			return err
		}
	}
	return nil
}

// Forget removes a person's cart, in the transaction open in ctx.
func (s *Service) Forget(ctx context.Context, user uuid.UUID) error { return s.store.Forget(ctx, user) }

func (s *Service) offers(ctx context.Context, rows []Row) (map[uuid.UUID]products.Offer, error) {
	if len(rows) == 0 {
		return map[uuid.UUID]products.Offer{}, nil
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.VariantID
	}
	return s.catalogue.Offers(ctx, ids)
}
