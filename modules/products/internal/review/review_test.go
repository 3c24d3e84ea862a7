package review_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/orders"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

func (s *bundle) buyer(product object) uuid.UUID {
	buyer := s.People.Add("buyer" + uuid.NewString()[24:])
	s.Bought.Add(buyer, uuid.MustParse(product["id"].(string)))
	return buyer
}

func (s *bundle) rating(product object) any {
	s.TB.Helper()
	return s.App.Do(s.TB, apptest.Request{Method: "GET", Path: "/v1/products/" + product["id"].(string)}).Want(200).JSON()["rating"]
}

func TestReviews(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	lamp := s.Product("Lamp")
	path := "/v1/products/" + lamp["slug"].(string) + "/reviews"
	ana, ben := s.buyer(lamp), s.buyer(lamp)
	upload := s.Photos.Add(ana)
	written := s.App.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(ana), Body: object{"rating": 5, "text": "Warm light.", "photos": []string{upload.String()}}}).Want(201)
	mine := "/v1/reviews/" + written.JSON()["id"].(string)
	require.Equal(t, mine, written.Header.Get("Location"))
	require.Len(t, written.JSON()["photos"], 1)
	require.True(t, s.Photos.Used(upload))
	bens := s.App.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(ben), Body: object{"rating": 2}}).Want(201).JSON()
	require.Equal(t, object{"average": 3.5, "count": 2.0}, s.rating(lamp))
	match := map[string]string{"If-Match": "*"}
	s.People.SetPending(ben, true)
	s.App.Run(t,
		apptest.Scenario{Name: "everybody may read them, newest first", Path: path + "?limit=1", Status: 200, Contains: []string{bens["id"].(string), `"verified":true`}, NotContains: []string{mine[12:]}},
		apptest.Scenario{Name: "nobody may write one", Method: "POST", Path: path, Body: object{"rating": 5}, Status: 401},
		apptest.Scenario{Name: "nor who did not buy it", As: uuid.New(), Method: "POST", Path: path, Body: object{"rating": 5}, Status: 403, Code: "products.review_not_bought"},
		apptest.Scenario{Name: "nor who wrote one already", As: ana, Method: "POST", Path: path, Body: object{"rating": 5}, Status: 409, Code: "products.already_reviewed"},
		apptest.Scenario{Name: "nor before agreeing to the terms", As: ben, Method: "POST", Path: path, Body: object{"rating": 5}, Status: 403, Code: "users.terms_required"},
		apptest.Scenario{Name: "no six points", As: ana, Method: "POST", Path: path, Body: object{"rating": 6}, Status: 422, Contains: []string{"/body/rating"}},
		apptest.Scenario{Name: "no unknown field", As: ana, Method: "POST", Path: path, Body: object{"rating": 5, "author_id": ben}, Status: 422},
		apptest.Scenario{Name: "no foreign photo", As: ana, Method: "PATCH", Path: mine, Header: match, Body: object{"photos": []string{s.Photos.Add(ben).String()}}, Status: 422, Contains: []string{`"/body/photos/0"`}},
		apptest.Scenario{Name: "no such product", Path: "/v1/products/nothing/reviews", Status: 404, Code: "products.not_found"},
		apptest.Scenario{Name: "no cursor of another list", Path: path + "?cursor=abc", Status: 400},
		apptest.Scenario{Name: "an edit names its version", As: ana, Method: "PATCH", Path: mine, Body: object{"rating": 4}, Status: 428},
		apptest.Scenario{Name: "an old version is refused", As: ana, Method: "PATCH", Path: mine, Header: map[string]string{"If-Match": `"9"`}, Body: object{"rating": 4}, Status: 412},
		apptest.Scenario{Name: "another's cannot be edited", As: uuid.New(), Method: "PATCH", Path: mine, Header: match, Body: object{"rating": 1}, Status: 404, Code: "products.review_not_found"},
		apptest.Scenario{Name: "nor deleted", As: uuid.New(), Method: "DELETE", Path: mine, Status: 404},
		apptest.Scenario{Name: "one's own can be edited", As: ana, Method: "PATCH", Path: mine, Header: map[string]string{"If-Match": `"1"`}, Body: object{"rating": 4, "photos": []string{}}, Status: 200, Contains: []string{`"version":2`, `"photos":[]`}},
		apptest.Scenario{Name: "what nobody sees is dropped", As: ana, Method: "PATCH", Path: mine, Header: match, Body: object{"text": " Warm\r\nlight.\u0007 "}, Status: 200, Contains: []string{`"text":"Warm\nlight."`}},
		apptest.Scenario{Name: "and so is a text that shows nothing", As: ana, Method: "PATCH", Path: mine, Header: match, Body: object{"text": "\u2800"}, Status: 200, Contains: []string{`"text":""`}},
		apptest.Scenario{Name: "a person is no moderator", As: ben, Method: "DELETE", Path: "/v1/admin/reviews/" + bens["id"].(string), Status: 403},
		apptest.Scenario{Name: "a moderator removes any", Token: apptest.As(uuid.New(), identity.RoleModerator), Method: "DELETE", Path: "/v1/admin/reviews/" + bens["id"].(string), Status: 204},
		apptest.Scenario{Name: "once", Token: apptest.As(uuid.New(), identity.RoleModerator), Method: "DELETE", Path: "/v1/admin/reviews/" + bens["id"].(string), Status: 404},
	)
	require.Equal(t, object{"average": 4.0, "count": 1.0}, s.rating(lamp))
	require.False(t, s.Photos.Used(upload), "given up")
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM product_review_versions WHERE rating = 5 AND text = 'Warm light.'`), "what it said before is kept")

	s.Bought.Add(ana, uuid.MustParse(lamp["id"].(string)))
	s.App.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(ana), Body: object{"rating": 1}}).Want(201)
	first := s.App.Do(t, apptest.Request{Method: "GET", Path: path + "?limit=1"}).Want(200).JSON()
	second := s.App.Do(t, apptest.Request{Method: "GET", Path: path + "?limit=1&cursor=" + url.QueryEscape(first["next_cursor"].(string))}).Want(200).JSON()
	require.Nil(t, second["next_cursor"])
	s.DeletePerson(ana)
	require.Nil(t, s.rating(lamp))
}

func TestReviews_OneOfEachLineInARace(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp := s.Product("Lamp")
	ana := s.buyer(lamp)
	var made, refused atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch s.App.Do(t, apptest.Request{Method: "POST", Path: "/v1/products/" + lamp["id"].(string) + "/reviews", Token: apptest.As(ana), Body: object{"rating": 3}}).Status {
			case 201:
				made.Add(1)
			case 409:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, made.Load())
	require.EqualValues(t, 7, refused.Load())
	require.Equal(t, object{"average": 3.0, "count": 1.0}, s.rating(lamp))
}

func TestReviews_TheAverageIsExactProperty(t *testing.T) {
	stacktest.Properties(t, 3, 100)
	rapid.Check(t, func(r *rapid.T) {
		s := setup(t, dbtest.Tx)
		lamp := s.Product("Lamp")
		ratings := map[string]int64{}
		for _, step := range rapid.SliceOfN(rapid.IntRange(1, 9), 1, 25).Draw(r, "steps") {
			var any string
			for id := range ratings {
				any = id
			}
			switch {
			case step <= 5 || any == "":
				points := int64(min(step, 5))
				buyer := s.buyer(lamp)
				id := s.App.Do(t, apptest.Request{Method: "POST", Path: "/v1/products/" + lamp["id"].(string) + "/reviews", Token: apptest.As(buyer), Body: object{"rating": points}}).Want(201).JSON()["id"].(string)
				ratings[buyer.String()+" "+id] = points
			case step <= 7:
				s.App.Do(t, apptest.Request{Method: "PATCH", Path: "/v1/reviews/" + any[37:], Token: apptest.As(uuid.MustParse(any[:36])), Body: object{"rating": step - 4}, Header: map[string]string{"If-Match": "*"}}).Want(200)
				ratings[any] = int64(step - 4)
			default:
				s.App.Do(t, apptest.Request{Method: "DELETE", Path: "/v1/reviews/" + any[37:], Token: apptest.As(uuid.MustParse(any[:36]))}).Want(204)
				delete(ratings, any)
			}
		}
		var sum int64
		for _, points := range ratings {
			sum += points
		}
		if len(ratings) == 0 {
			require.Nil(t, s.rating(lamp))
			return
		}
		require.Equal(t, object{"average": float64(sum) / float64(len(ratings)), "count": float64(len(ratings))}, s.rating(lamp))
	})
}

func TestFault_O2_ReviewsAreOfKeptPurchasesOfOthers(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp := s.Product("Lamp")
	id := uuid.MustParse(lamp["id"].(string))
	path := "/v1/products/" + id.String() + "/reviews"
	write := func(by uuid.UUID, rating int) *apptest.Response {
		return s.App.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(by), Body: object{"rating": rating}})
	}
	publish := func(event outbox.Event) {
		t.Helper()
		require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error { return outbox.New(s.DB).Publish(ctx, event) }))
		taskstest.Drain(t, s.DB, s.Handlers...)
	}

	s.Bought.Add(s.Seller, id)
	require.Equal(t, "products.own_product", write(s.Seller, 5).Want(403).Code())
	require.Nil(t, s.rating(lamp))

	ana, ben, eve := s.buyer(lamp), s.buyer(lamp), s.buyer(lamp)
	upload := s.Photos.Add(ana)
	s.App.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(ana), Body: object{"rating": 5, "photos": []string{upload.String()}}}).Want(201)
	write(ben, 1).Want(201)
	write(eve, 3).Want(201)
	publish(orders.Refunded{Moved: orders.Moved{UserID: ana}})
	require.Equal(t, object{"average": 3.0, "count": 3.0}, s.rating(lamp), "what is kept stays, whatever else was refunded")
	s.Bought.GiveBack(ana, id)
	publish(orders.Refunded{Moved: orders.Moved{UserID: ana}})
	require.Equal(t, object{"average": 2.0, "count": 2.0}, s.rating(lamp))
	require.False(t, s.Photos.Used(upload))
	write(ana, 5).Want(403)
	s.Bought.GiveBack(ben, id)
	publish(orders.Cancelled{Moved: orders.Moved{UserID: ben}})
	require.Equal(t, object{"average": 3.0, "count": 1.0}, s.rating(lamp))

	t.Run("the schedule finds what nobody has told of", func(t *testing.T) {
		mia := s.buyer(lamp)
		write(mia, 5).Want(201)
		s.Bought.GiveBack(eve, id)
		for range 2 {
			require.NoError(t, s.Schedules["products.drop_undone_reviews"](t.Context()))
			require.Equal(t, object{"average": 5.0, "count": 1.0}, s.rating(lamp))
		}
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`UPDATE product_reviews SET author_id = ? WHERE author_id = ?`, s.Seller, mia).Error)
		require.NoError(t, s.Schedules["products.drop_undone_reviews"](t.Context()))
		require.Nil(t, s.rating(lamp), "of a build before: the seller's own")
	})
}

func TestFault_V3_ReviewsAcrossABlockAreHidden(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	lamp := s.Product("Lamp")
	path := "/v1/products/" + lamp["id"].(string) + "/reviews"
	ana, ben := s.buyer(lamp), s.buyer(lamp)
	var others []uuid.UUID
	for range 5 {
		others = append(others, s.buyer(lamp))
	}
	ids := map[string]uuid.UUID{}
	for _, by := range append([]uuid.UUID{ana, ben}, others...) {
		made := s.App.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(by), Body: object{"rating": 4, "text": "Mine"}}).Want(201).JSON()
		ids[made["id"].(string)] = by
	}
	seen := func(viewer uuid.UUID, limit int) (by []uuid.UUID) {
		t.Helper()
		var token string
		if viewer != uuid.Nil {
			token = apptest.As(viewer)
		}
		for cursor := ""; ; {
			list := s.App.Do(t, apptest.Request{Method: "GET", Path: fmt.Sprintf("%s?limit=%d&cursor=%s", path, limit, cursor), Token: token}).Want(200).JSON()
			for _, item := range list["items"].([]any) {
				by = append(by, ids[item.(object)["id"].(string)])
			}
			if list["next_cursor"] == nil {
				return by
			}
			require.Len(t, list["items"], limit, "a page is short only at its end")
			cursor = list["next_cursor"].(string)
		}
	}
	require.Len(t, seen(ana, 3), 7)
	s.People.Block(ana, ben)
	for _, other := range others[:3] {
		s.People.Block(other, ana)
	}
	for limit := 1; limit <= 4; limit++ {
		require.ElementsMatch(t, []uuid.UUID{ana, others[3], others[4]}, seen(ana, limit))
		require.Len(t, seen(ben, limit), 6, "all but Ana's")
		require.NotContains(t, seen(others[0], limit), ana)
		require.Len(t, seen(uuid.Nil, limit), 7, "nobody signed in")
	}
	require.Equal(t, object{"average": 4.0, "count": 7.0}, s.rating(lamp))
}

func TestFault_H7_AnEditOfAReviewThatChangesNothingKeepsItsVersion(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	lamp := s.Product("Lamp")
	ana := s.buyer(lamp)
	photo := s.Photos.Add(ana).String()
	made := s.App.Do(t, apptest.Request{Method: "POST", Path: "/v1/products/" + lamp["slug"].(string) + "/reviews", Token: apptest.As(ana),
		Body: object{"rating": 5, "text": "Warm light.", "photos": []string{photo}}}).Want(201)
	edit := func(body object) *apptest.Response {
		return s.App.Do(t, apptest.Request{Method: "PATCH", Path: made.Header.Get("Location"), Token: apptest.As(ana), Body: body, Header: map[string]string{"If-Match": `"1"`}}).Want(200)
	}
	for _, same := range []object{{}, {"rating": 5}, {"text": " Warm light. "}, {"photos": []string{photo}}} {
		require.Equal(t, made.JSON(), edit(same).JSON(), same)
	}
	require.Zero(t, s.Number(`SELECT count(*) FROM product_review_versions`))
	require.EqualValues(t, 2, edit(object{"rating": 4}).JSON()["version"])
}
