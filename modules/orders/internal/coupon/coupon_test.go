package coupon_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/money"
)

type object = map[string]any

func TestCoupons(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp := s.Lamp(50)
	made := s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "spring10", "percent": 10, "max_uses": 1}).Want(201).JSON()
	require.Equal(t, "SPRING10", made["code"])
	s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "SPRING10", "percent": 10}).Want(409)
	s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "BOTH", "percent": 10, "amount": object{"amount": 1, "currency": "EUR"}}).Want(422)

	var won, refused atomic.Int64
	var all sync.WaitGroup
	var winner atomic.Pointer[moduletest.Buyer]
	for range 20 {
		b := s.NewBuyer()
		version := b.Put(lamp, 1)["version"]
		all.Go(func() {
			answer := b.Do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.Address, "coupon": "Spring10"})
			switch {
			case answer.Status == 201:
				won.Add(1)
				winner.Store(b)
			case answer.Code() == "orders.coupon_exhausted":
				refused.Add(1)
			default:
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 19, refused.Load())
	order := winner.Load().Do("GET", "/v1/orders", nil).Want(200).JSON()["items"].([]any)[0].(object)
	require.Equal(t, object{"amount": 500.0, "currency": "EUR"}, order["discount"])
	require.Equal(t, object{"amount": 4500.0, "currency": "EUR"}, order["total"])
	winner.Load().Do("POST", "/v1/orders/"+order["id"].(string)+"/cancel", nil).Want(200)
	require.Zero(t, s.Number(`SELECT uses FROM coupons`), "a cancelled order gives its use back")
	b := s.NewBuyer()
	version := b.Put(lamp, 1)["version"]
	unknown := b.Do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.Address, "coupon": "NONE"}).Want(422)
	require.Contains(t, string(unknown.Body), "/body/coupon")
}

func TestPromotion_NeedsNoCode(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp := s.Lamp(50)
	promote := func(body object) object { return s.Send(s.Admin, "POST", "/v1/admin/coupons", body).Want(201).JSON() }
	promote(object{"code": "TEN", "percent": 10, "automatic": true})
	big := promote(object{"code": "BIG", "percent": 50, "automatic": true, "max_uses_per_person": 1, "min_subtotal": money.Of(10000, "EUR")})
	promote(object{"code": "NAMED", "percent": 20, "max_uses_per_person": 1})
	b := s.NewBuyer()
	total := func(quantity int, coupon string) any {
		body := object{"cart_version": b.Put(lamp, quantity)["version"], "address_id": b.Address}
		if coupon != "" {
			body["coupon"] = coupon
		}
		answer := b.Do("POST", "/v1/checkout", body)
		if answer.Status != 201 {
			return answer.Code()
		}
		return apptest.Read[moduletest.Placed](answer).Total.Amount
	}
	require.EqualValues(t, 4500, total(1, ""), "below the minimum of the larger one")
	require.EqualValues(t, 5000, total(2, ""), "the larger one wins")
	require.EqualValues(t, 9000, total(2, ""), "once a person")
	require.EqualValues(t, 4000, total(1, "named"), "a named one goes first")
	require.Equal(t, "orders.coupon_exhausted", total(1, "named"))
	uses := func(code string) any {
		for _, c := range s.Send(s.Admin, "GET", "/v1/admin/coupons", nil).Want(200).JSON()["items"].([]any) {
			if c.(object)["code"] == code {
				return c.(object)["uses"]
			}
		}
		return nil
	}
	require.EqualValues(t, 2, uses("TEN"), "uses are counted without a limit, too")
	s.Send(s.Admin, "PATCH", "/v1/admin/coupons/"+big["id"].(string), object{"max_uses": 1}, "If-Match", "*").Want(200)
	require.EqualValues(t, 1, uses("BIG"), "a limit that comes later counts what was before")
	b = s.NewBuyer()
	require.EqualValues(t, 9000, total(2, ""), "used up")
}

func TestPromotion_OfAPaidOrderIsGivenBackOnCancel(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(5), s.NewBuyer()
	s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "ONCE", "percent": 10, "automatic": true, "max_uses": 1, "max_uses_per_person": 1}).Want(201)
	o := b.Order(lamp, 1)
	require.EqualValues(t, 4500, o.Total.Amount)
	b.Pay(o)
	b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
	b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
	require.Zero(t, s.Number(`SELECT uses FROM coupons`))
	require.EqualValues(t, 4500, b.Order(lamp, 1).Total.Amount)
}

// One person at many tills: the limit per person holds.
func TestPromotion_PerPersonAtOnce_Race(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp := s.Lamp(500)
	s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "MINE", "percent": 10, "max_uses_per_person": 1}).Want(201)
	b := s.NewBuyer()
	var won atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			answer := b.Do("POST", "/v1/checkout", object{"cart_version": b.Put(lamp, 1)["version"], "address_id": b.Address, "coupon": "MINE"})
			if answer.Status == 201 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM coupon_uses`))
}

func TestFault_O16_CouponsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	create := func(body object) *apptest.Response { return s.Send(s.Admin, "POST", "/v1/admin/coupons", body) }
	require.Equal(t, "orders.coupon_period", create(object{"code": "NEVER", "percent": 10, "starts_at": "2027-01-02T00:00:00Z", "ends_at": "2027-01-02T00:00:00Z"}).Want(422).Code())
	require.Equal(t, "orders.coupon_currency", create(object{"code": "NOWHERE", "amount": money.Of(100, "XXA")}).Want(422).Code())
	require.Equal(t, "orders.coupon_currency", create(object{"code": "NOWHERE", "percent": 10, "min_subtotal": money.Of(100, "XXX")}).Want(422).Code())

	made := create(object{"code": "SEOUL", "percent": 10, "starts_at": "2027-01-01T09:00:00+09:00", "ends_at": "2027-02-01T09:00:00+09:00", "max_uses": 1, "max_uses_per_person": 1}).Want(201).JSON()
	require.Equal(t, []any{"2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"}, []any{made["starts_at"], made["ends_at"]}, "times are UTC")
	edit := func(body object) *apptest.Response {
		return s.Send(s.Admin, "PATCH", "/v1/admin/coupons/"+made["id"].(string), body, "If-Match", "*")
	}
	require.Equal(t, "orders.coupon_period", edit(object{"ends_at": "2026-12-31T00:00:00Z"}).Want(422).Code())
	require.Equal(t, "2027-03-01T00:00:00Z", edit(object{"ends_at": "2027-03-01T09:00:00+09:00"}).Want(200).JSON()["ends_at"])
	edit(object{"max_uses": -1}).Want(422)
	lifted := edit(object{"max_uses": nil, "max_uses_per_person": nil, "ends_at": nil}).Want(200).JSON()
	require.Equal(t, []any{nil, nil, nil}, []any{lifted["max_uses"], lifted["max_uses_per_person"], lifted["ends_at"]})
	require.EqualValues(t, 5, edit(object{"max_uses": 5}).Want(200).JSON()["max_uses"])
}

func TestFault_H7_AnEditOfACouponThatChangesNothingKeepsItsVersion(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	made := s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "SAME", "percent": 10, "ends_at": "2027-02-01T00:00:00.123456789Z", "max_uses": 3}).Want(201)
	edit := func(body object) *apptest.Response {
		return s.Send(s.Admin, "PATCH", "/v1/admin/coupons/"+made.JSON()["id"].(string), body, "If-Match", made.Header.Get("ETag")).Want(200)
	}
	for _, same := range []object{
		{}, {"active": true}, {"max_uses": 3, "max_uses_per_person": nil}, {"ends_at": "2027-02-01T09:00:00.123456789+09:00"},
	} {
		require.Equal(t, made.Header.Get("ETag"), edit(same).Header.Get("ETag"), same)
	}
	require.EqualValues(t, 2, edit(object{"max_uses": nil}).JSON()["version"])
}

func TestFault_H8_ACouponIsReadWhereLocationSays(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	made := s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "TEN", "percent": 10}).Want(201)
	at := made.Header.Get("Location")
	read := s.Send(s.Admin, "GET", at, nil).Want(200)
	require.Equal(t, made.JSON()["id"], read.JSON()["id"])
	require.Equal(t, made.Header.Get("ETag"), read.Header.Get("ETag"))
	s.NewBuyer().Do("GET", at, nil).Want(403)
	s.Send(s.Admin, "GET", "/v1/admin/coupons/"+made.JSON()["code"].(string), nil).Want(404)
	b := s.NewBuyer()
	b.Do("POST", "/v1/checkout", object{"cart_version": b.Put(s.Lamp(5), 1)["version"], "address_id": b.Address, "coupon": "TEN"}).Want(201)
	require.EqualValues(t, 1, s.Send(s.Admin, "GET", at, nil).Want(200).JSON()["uses"])
}
