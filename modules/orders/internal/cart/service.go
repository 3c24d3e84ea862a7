package cart

import (
	"context"
	"errors"
	"slices"

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

// Put sets the quantity of a variant, 0 takes it out, and returns the cart. What is not sold is products.ErrNotFound.
func (s *Service) Put(ctx context.Context, user, variant uuid.UUID, quantity int64) (Cart, error) {
	var c Cart
	err := s.change(ctx, user, []uuid.UUID{variant}, func(ctx context.Context, d *draft) (err error) {
		if quantity == 0 {
			err = s.takeOut(ctx, d, variant)
		} else {
			err = s.put(ctx, d, variant, quantity)
		}
		if err == nil {
			c, err = show(d.rows, d.offers, s.currency)
		}
		return err
	})
	if err != nil {
		return Cart{}, err
	}
	return c, s.addPhotos(ctx, c)
}

// addPhotos adds to a cart what offers do not have in a transaction.
func (s *Service) addPhotos(ctx context.Context, c Cart) error {
	ids := make([]uuid.UUID, len(c.Lines))
	for i, line := range c.Lines {
		ids[i] = line.Product.ID
	}
	refs, err := s.catalogue.Refs(ctx, ids)
	if err != nil {
		return err
	}
	for i, line := range c.Lines {
		c.Lines[i].Product.Photo = refs[line.Product.ID].Photo
	}
	return nil
}

// draft is a person's cart while it is being changed: locked, with what is offered now of it and of what is to be put in.
type draft struct {
	user   uuid.UUID
	rows   []Row
	offers map[uuid.UUID]products.Offer
}

// change lets fn change a cart in one transaction.
func (s *Service) change(ctx context.Context, user uuid.UUID, variants []uuid.UUID, fn func(ctx context.Context, d *draft) error) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Lock(ctx, user); err != nil {
			return err
		}
		rows, err := s.store.Rows(ctx, user)
		if err != nil {
			return err
		}
		offers, err := s.offers(ctx, rows, variants...)
		if err != nil {
			return err
		}
		return fn(ctx, &draft{user: user, rows: rows, offers: offers})
	})
}

func (s *Service) put(ctx context.Context, d *draft, variant uuid.UUID, quantity int64) error {
	offer, known := d.offers[variant]
	at := slices.IndexFunc(d.rows, func(r Row) bool { return r.VariantID == variant })
	switch {
	case !known || !offer.OnSale:
		return products.ErrNotFound
	case quantity > MaxQuantity:
		return errTooMany
	case at < 0 && len(d.rows) >= maxLines, at >= 0 && len(d.rows) > maxLines:
		return errFull
	}
	row := Row{
		UserID: d.user, VariantID: variant, ProductID: offer.Product.ID, ProductName: offer.Product.Name, Quantity: quantity,
		PriceAmount: offer.Price.Amount, PriceCurrency: offer.Price.Currency,
	}
	if at < 0 {
		d.rows = append(d.rows, row)
	} else {
		d.rows[at] = row
	}
	return s.store.Put(ctx, row)
}

func (s *Service) takeOut(ctx context.Context, d *draft, variant uuid.UUID) error {
	d.rows = slices.DeleteFunc(d.rows, func(r Row) bool { return r.VariantID == variant })
	return s.store.Remove(ctx, d.user, variant)
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

// PutAll sets the quantities of several variants and returns the cart; those of a variant that is named more than once are added up. Each
// variant stands for itself, and the limits hold for its sum.
func (s *Service) PutAll(ctx context.Context, user uuid.UUID, lines []products.Line) (_ []Outcome, c Cart, _ error) {
	var ids []uuid.UUID // each once, in the order of the request
	sums := map[uuid.UUID]int64{}
	for _, line := range lines {
		if _, again := sums[line.VariantID]; !again {
			ids = append(ids, line.VariantID)
		}
		sums[line.VariantID] += line.Quantity
	}
	refused := map[uuid.UUID]*fault.Error{}
	err := s.change(ctx, user, ids, func(ctx context.Context, d *draft) error {
		clear(refused)
		for _, id := range ids {
			var refusal *fault.Error
			err := s.put(ctx, d, id, sums[id])
			if errors.As(err, &refusal) && refusal.Kind != fault.KindUnavailable {
				refused[id] = refusal
			} else if err != nil {
				return err
			}
		}
		var err error
		c, err = show(d.rows, d.offers, s.currency)
		return err
	})
	if err != nil {
		return nil, c, err
	}
	outcomes := make([]Outcome, len(lines))
	for i, line := range lines {
		outcomes[i] = Outcome{line.VariantID, refused[line.VariantID]}
	}
	return outcomes, c, s.addPhotos(ctx, c)
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

// offers is what is offered now of the rows' variants and of others.
func (s *Service) offers(ctx context.Context, rows []Row, others ...uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	ids := others
	for _, row := range rows {
		if !slices.Contains(others, row.VariantID) {
			ids = append(ids, row.VariantID)
		}
	}
	if len(ids) == 0 {
		return map[uuid.UUID]products.Offer{}, nil
	}
	return s.catalogue.Offers(ctx, ids)
}
