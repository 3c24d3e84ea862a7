package alert_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/notifications/internal/alert"
	"atrium/modules/notifications/internal/moduletest"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/products"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

func euro(cents int64) money.Money { return money.Of(cents, "EUR") }

// lamp is a product that Ben would like to have, now at a price.
func lamp(b *moduletest.Module, cents, stock int64) (product, variant uuid.UUID) {
	b.T.Helper()
	product, variant = b.Shop.Add("Arc lamp", euro(cents), stock)
	b.Posts.Wish(b.Ben, product)
	return product, variant
}

func texts(b *moduletest.Module, user uuid.UUID) (texts []string) {
	b.T.Helper()
	for _, n := range b.List(user) {
		texts = append(texts, n.Text)
	}
	return texts
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	t.Run("whoever would like to have a product hears that it costs less, by push and not by mail", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ben, "phone", "t1")
		arc, _ := lamp(b, 9900, 1)
		b.Publish(products.Repriced{ProductID: arc, Was: euro(12900), Now: euro(9900)})
		require.Equal(t, []string{"Arc lamp costs 99.00 EUR instead of 129.00 EUR now."}, texts(b, b.Ben))
		require.Equal(t, moduletest.Subject{Type: "product", ID: arc}, b.List(b.Ben)[0].Subject)
		require.Equal(t, "product.price_dropped", b.Phones.Sent[0].Data["type"])
		require.Len(t, b.Phones.Sent, 1)
		require.Empty(t, b.Mails.Sent)
		require.Empty(t, b.List(b.Ana), "who does not care hears nothing")
	})
	t.Run("a higher price and another currency are no news", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		arc, _ := lamp(b, 9900, 1)
		b.Publish(products.Repriced{ProductID: arc, Was: euro(8900), Now: euro(9900)},
			products.Repriced{ProductID: arc, Was: money.Of(900000, "KRW"), Now: euro(9900)})
		require.Empty(t, b.List(b.Ben))
	})
	t.Run("one alert an event, however often the task runs; the newest takes the place of what was not read", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ben, "phone", "t1")
		arc, variant := lamp(b, 9900, 1)
		b.Publish(products.Repriced{ProductID: arc, Was: euro(12900), Now: euro(9900)})
		first := b.List(b.Ben)[0]
		b.Shop.Reprice(variant, euro(7900))
		b.Publish(products.Repriced{ProductID: arc, Was: euro(9900), Now: euro(7900)})
		require.Equal(t, []string{"Arc lamp costs 79.00 EUR instead of 99.00 EUR now."}, texts(b, b.Ben))
		require.NotEqual(t, first.ID, b.List(b.Ben)[0].ID)

		tasks := taskstest.Tasks[alert.Task](t, b.DB)
		require.Len(t, tasks, 2)
		for _, task := range tasks {
			require.NoError(t, b.Alerts.Alert(t.Context(), uuid.New(), task))
		}
		taskstest.Drain(t, b.DB, b.Handlers()...)
		require.Equal(t, []string{"Arc lamp costs 79.00 EUR instead of 99.00 EUR now."}, texts(b, b.Ben), "the older event does not come back")
		require.Len(t, b.Phones.Sent, 2)
	})
	t.Run("back in stock is told while it is so, and withdrawn where it is gone again before the push", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ben, "phone", "t1")
		arc, variant := lamp(b, 9900, 1)
		b.Publish(products.BackInStock{ProductID: arc})
		require.Equal(t, []string{"Arc lamp is back in stock."}, texts(b, b.Ben))
		require.Len(t, b.Phones.Sent, 1)

		chair, seat := lamp(b, 4900, 1)
		task := alert.Task{EventID: uuid.Must(uuid.NewV7()), ProductID: chair, Type: notification.BackInStock}
		require.NoError(t, b.Alerts.Alert(t.Context(), uuid.New(), task))
		require.Len(t, b.List(b.Ben), 2)
		require.NoError(t, b.Shop.Reserve(t.Context(), uuid.New(), []products.Line{{VariantID: seat, Quantity: 1}}))
		taskstest.Drain(t, b.DB, b.Handlers()...)
		require.Len(t, b.Phones.Sent, 1)
		require.Len(t, b.List(b.Ben), 1, "withdrawn")

		require.NoError(t, b.Shop.Reserve(t.Context(), uuid.New(), []products.Line{{VariantID: variant, Quantity: 1}}))
		b.Publish(products.BackInStock{ProductID: arc})
		require.Empty(t, b.List(b.Ben), "sold out again: neither is so")
	})
	t.Run("a price that rose again before the push is not sent", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ben, "phone", "t1")
		arc, variant := lamp(b, 9900, 1)
		was, now := euro(12900), euro(9900)
		require.NoError(t, b.Alerts.Alert(t.Context(), uuid.New(),
			alert.Task{EventID: uuid.Must(uuid.NewV7()), ProductID: arc, Type: notification.PriceDropped, Facts: notification.Facts{Was: &was, Price: &now}}))
		b.Shop.Reprice(variant, was)
		taskstest.Drain(t, b.DB, b.Handlers()...)
		require.Empty(t, b.Phones.Sent)
		require.Empty(t, b.List(b.Ben))
	})
	t.Run("all of very many are told, each once", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		arc, _ := lamp(b, 9900, 1)
		for n := range 2*200 - 1 {
			b.Posts.Wish(b.People.Add(fmt.Sprint("wisher", n)), arc)
		}
		b.Publish(products.BackInStock{ProductID: arc})
		var told, people int64
		require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*), count(DISTINCT recipient_id) FROM notifications`).Row().Scan(&told, &people))
		require.EqualValues(t, 2*200, people)
		require.EqualValues(t, 2*200, told)
	})
	t.Run("a product that is gone is no news", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		arc, _ := lamp(b, 9900, 1)
		b.Shop.Remove(arc)
		b.Publish(products.BackInStock{ProductID: arc}, products.Repriced{ProductID: arc, Was: euro(12900), Now: euro(9900)})
		require.Empty(t, b.List(b.Ben))
	})
}
