package internal

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/products"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

func euro(cents int64) money.Money { return money.Of(cents, "EUR") }

// lamp is a product that Ben would like to have, now at a price.
func (b *bundle) lamp(cents, stock int64) (product, variant uuid.UUID) {
	b.t.Helper()
	product, variant = b.shop.Add("Arc lamp", euro(cents), stock)
	b.posts.Wish(b.ben, product)
	return product, variant
}

func (b *bundle) texts(user uuid.UUID) (texts []string) {
	b.t.Helper()
	for _, n := range b.list(user) {
		texts = append(texts, n.Text)
	}
	return texts
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	t.Run("whoever would like to have a product hears that it costs less, by push and not by mail", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ben, "phone", "t1")
		lamp, _ := b.lamp(9900, 1)
		b.publish(products.Repriced{ProductID: lamp, Was: euro(12900), Now: euro(9900)})
		require.Equal(t, []string{"Arc lamp costs 99.00 EUR instead of 129.00 EUR now."}, b.texts(b.ben))
		require.Equal(t, subjectResponse{Type: "product", ID: lamp}, b.list(b.ben)[0].Subject)
		require.Equal(t, "product.price_dropped", b.phones.sent[0].Data["type"])
		require.Len(t, b.phones.sent, 1)
		require.Empty(t, b.mails.sent)
		require.Empty(t, b.list(b.ana), "who does not care hears nothing")
	})
	t.Run("a higher price and another currency are no news", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		lamp, _ := b.lamp(9900, 1)
		b.publish(products.Repriced{ProductID: lamp, Was: euro(8900), Now: euro(9900)},
			products.Repriced{ProductID: lamp, Was: money.Of(900000, "KRW"), Now: euro(9900)})
		require.Empty(t, b.list(b.ben))
	})
	t.Run("one alert an event, however often the task runs; the newest takes the place of what was not read", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ben, "phone", "t1")
		lamp, variant := b.lamp(9900, 1)
		b.publish(products.Repriced{ProductID: lamp, Was: euro(12900), Now: euro(9900)})
		first := b.list(b.ben)[0]
		b.shop.Reprice(variant, euro(7900))
		b.publish(products.Repriced{ProductID: lamp, Was: euro(9900), Now: euro(7900)})
		require.Equal(t, []string{"Arc lamp costs 79.00 EUR instead of 99.00 EUR now."}, b.texts(b.ben))
		require.NotEqual(t, first.ID, b.list(b.ben)[0].ID)

		tasks := taskstest.Tasks[alert](t, b.db)
		require.Len(t, tasks, 2)
		for _, task := range tasks {
			require.NoError(t, b.service.Alert(t.Context(), uuid.New(), task))
		}
		taskstest.Drain(t, b.db, Handlers(b.service)...)
		require.Equal(t, []string{"Arc lamp costs 79.00 EUR instead of 99.00 EUR now."}, b.texts(b.ben), "the older event does not come back")
		require.Len(t, b.phones.sent, 2)
	})
	t.Run("back in stock is told while it is so, and withdrawn where it is gone again before the push", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ben, "phone", "t1")
		lamp, variant := b.lamp(9900, 1)
		b.publish(products.BackInStock{ProductID: lamp})
		require.Equal(t, []string{"Arc lamp is back in stock."}, b.texts(b.ben))
		require.Len(t, b.phones.sent, 1)

		chair, seat := b.lamp(4900, 1)
		task := alert{EventID: uuid.Must(uuid.NewV7()), ProductID: chair, Type: BackInStock}
		require.NoError(t, b.service.Alert(t.Context(), uuid.New(), task))
		require.Len(t, b.list(b.ben), 2)
		require.NoError(t, b.shop.Reserve(t.Context(), uuid.New(), []products.Line{{VariantID: seat, Quantity: 1}}))
		taskstest.Drain(t, b.db, Handlers(b.service)...)
		require.Len(t, b.phones.sent, 1)
		require.Len(t, b.list(b.ben), 1, "withdrawn")

		require.NoError(t, b.shop.Reserve(t.Context(), uuid.New(), []products.Line{{VariantID: variant, Quantity: 1}}))
		b.publish(products.BackInStock{ProductID: lamp})
		require.Len(t, b.list(b.ben), 1, "sold out again before anybody was told")
	})
	t.Run("a price that rose again before the push is not sent", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ben, "phone", "t1")
		lamp, variant := b.lamp(9900, 1)
		was, now := euro(12900), euro(9900)
		require.NoError(t, b.service.Alert(t.Context(), uuid.New(),
			alert{EventID: uuid.Must(uuid.NewV7()), ProductID: lamp, Type: PriceDropped, Facts: Facts{Was: &was, Price: &now}}))
		b.shop.Reprice(variant, was)
		taskstest.Drain(t, b.db, Handlers(b.service)...)
		require.Empty(t, b.phones.sent)
		require.Empty(t, b.list(b.ben))
	})
	t.Run("all of very many are told, each once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		lamp, _ := b.lamp(9900, 1)
		for n := range 2*alertedAtOnce - 1 {
			b.posts.Wish(b.people.Add(fmt.Sprint("wisher", n)), lamp)
		}
		b.publish(products.BackInStock{ProductID: lamp})
		var told, people int64
		require.NoError(t, b.db.Conn(t.Context()).Raw(`SELECT count(*), count(DISTINCT recipient_id) FROM notifications`).Row().Scan(&told, &people))
		require.EqualValues(t, 2*alertedAtOnce, people)
		require.EqualValues(t, 2*alertedAtOnce, told)
	})
	t.Run("a product that is gone is no news", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		lamp, _ := b.lamp(9900, 1)
		b.shop.Remove(lamp)
		b.publish(products.BackInStock{ProductID: lamp}, products.Repriced{ProductID: lamp, Was: euro(12900), Now: euro(9900)})
		require.Empty(t, b.list(b.ben))
	})
}
