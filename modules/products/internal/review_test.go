package internal_test

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/stacktest"
)

func (s *shop) buyer(product object) uuid.UUID {
	buyer := s.people.Add("buyer" + uuid.NewString()[24:])
	s.bought.add(buyer, uuid.MustParse(product["id"].(string)))
	return buyer
}

func (s *shop) rating(product object) any {
	s.t.Helper()
	return s.app.Do(s.t, apptest.Request{Method: "GET", Path: "/v1/products/" + product["id"].(string)}).Want(200).JSON()["rating"]
}

func TestReviews(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	lamp := s.product("Lamp")
	path := "/v1/products/" + lamp["slug"].(string) + "/reviews"
	ana, ben := s.buyer(lamp), s.buyer(lamp)
	upload := s.photos.Add(ana)
	written := s.app.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(ana), Body: object{"rating": 5, "text": "Warm light.", "photos": []string{upload.String()}}}).Want(201)
	mine := "/v1/reviews/" + written.JSON()["id"].(string)
	require.Equal(t, mine, written.Header.Get("Location"))
	require.Len(t, written.JSON()["photos"], 1)
	require.True(t, s.photos.Used(upload))
	bens := s.app.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(ben), Body: object{"rating": 2}}).Want(201).JSON()
	require.Equal(t, object{"average": 3.5, "count": 2.0}, s.rating(lamp))
	match := map[string]string{"If-Match": "*"}
	s.people.SetPending(ben, true)
	s.app.Run(t,
		apptest.Scenario{Name: "everybody may read them, newest first", Path: path + "?limit=1", Status: 200, Contains: []string{bens["id"].(string), `"verified":true`}, NotContains: []string{mine[12:]}},
		apptest.Scenario{Name: "nobody may write one", Method: "POST", Path: path, Body: object{"rating": 5}, Status: 401},
		apptest.Scenario{Name: "nor who did not buy it", As: uuid.New(), Method: "POST", Path: path, Body: object{"rating": 5}, Status: 403, Code: "products.review_not_bought"},
		apptest.Scenario{Name: "nor who wrote one already", As: ana, Method: "POST", Path: path, Body: object{"rating": 5}, Status: 409, Code: "products.already_reviewed"},
		apptest.Scenario{Name: "nor before agreeing to the terms", As: ben, Method: "POST", Path: path, Body: object{"rating": 5}, Status: 403, Code: "users.terms_required"},
		apptest.Scenario{Name: "no six points", As: ana, Method: "POST", Path: path, Body: object{"rating": 6}, Status: 422, Contains: []string{"/body/rating"}},
		apptest.Scenario{Name: "no unknown field", As: ana, Method: "POST", Path: path, Body: object{"rating": 5, "author_id": ben}, Status: 422},
		apptest.Scenario{Name: "no foreign photo", As: ana, Method: "PATCH", Path: mine, Header: match, Body: object{"photos": []string{s.photos.Add(ben).String()}}, Status: 422, Contains: []string{`"/body/photos/0"`}},
		apptest.Scenario{Name: "no such product", Path: "/v1/products/nothing/reviews", Status: 404, Code: "products.not_found"},
		apptest.Scenario{Name: "no cursor of another list", Path: path + "?cursor=abc", Status: 400},
		apptest.Scenario{Name: "an edit names its version", As: ana, Method: "PATCH", Path: mine, Body: object{"rating": 4}, Status: 428},
		apptest.Scenario{Name: "an old version is refused", As: ana, Method: "PATCH", Path: mine, Header: map[string]string{"If-Match": `"9"`}, Body: object{"rating": 4}, Status: 412},
		apptest.Scenario{Name: "another's cannot be edited", As: uuid.New(), Method: "PATCH", Path: mine, Header: match, Body: object{"rating": 1}, Status: 404, Code: "products.review_not_found"},
		apptest.Scenario{Name: "nor deleted", As: uuid.New(), Method: "DELETE", Path: mine, Status: 404},
		apptest.Scenario{Name: "one's own can be edited", As: ana, Method: "PATCH", Path: mine, Header: map[string]string{"If-Match": `"1"`}, Body: object{"rating": 4, "photos": []string{}}, Status: 200, Contains: []string{`"version":2`, `"photos":[]`}},
		apptest.Scenario{Name: "a person is no moderator", As: ben, Method: "DELETE", Path: "/v1/admin/reviews/" + bens["id"].(string), Status: 403},
		apptest.Scenario{Name: "a moderator removes any", Token: apptest.As(uuid.New(), identity.RoleModerator), Method: "DELETE", Path: "/v1/admin/reviews/" + bens["id"].(string), Status: 204},
		apptest.Scenario{Name: "once", Token: apptest.As(uuid.New(), identity.RoleModerator), Method: "DELETE", Path: "/v1/admin/reviews/" + bens["id"].(string), Status: 404},
	)
	require.Equal(t, object{"average": 4.0, "count": 1.0}, s.rating(lamp))
	require.False(t, s.photos.Used(upload), "given up")
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM product_review_versions WHERE rating = 5 AND text = 'Warm light.'`), "what it said before is kept")

	s.bought.add(ana, uuid.MustParse(lamp["id"].(string)))
	s.app.Do(t, apptest.Request{Method: "POST", Path: path, Token: apptest.As(ana), Body: object{"rating": 1}}).Want(201)
	first := s.app.Do(t, apptest.Request{Method: "GET", Path: path + "?limit=1"}).Want(200).JSON()
	second := s.app.Do(t, apptest.Request{Method: "GET", Path: path + "?limit=1&cursor=" + url.QueryEscape(first["next_cursor"].(string))}).Want(200).JSON()
	require.Nil(t, second["next_cursor"])
	require.NoError(t, s.db.InTx(t.Context(), func(ctx context.Context) error { return s.reviews.Forget(ctx, ana) }))
	require.Nil(t, s.rating(lamp))
}

func TestReviews_OneOfEachLineInARace(t *testing.T) {
	t.Parallel()
	s := clone(t)
	lamp := s.product("Lamp")
	ana := s.buyer(lamp)
	var made, refused atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch s.app.Do(t, apptest.Request{Method: "POST", Path: "/v1/products/" + lamp["id"].(string) + "/reviews", Token: apptest.As(ana), Body: object{"rating": 3}}).Status {
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
		lamp := s.product("Lamp")
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
				id := s.app.Do(t, apptest.Request{Method: "POST", Path: "/v1/products/" + lamp["id"].(string) + "/reviews", Token: apptest.As(buyer), Body: object{"rating": points}}).Want(201).JSON()["id"].(string)
				ratings[buyer.String()+" "+id] = points
			case step <= 7:
				s.app.Do(t, apptest.Request{Method: "PATCH", Path: "/v1/reviews/" + any[37:], Token: apptest.As(uuid.MustParse(any[:36])), Body: object{"rating": step - 4}, Header: map[string]string{"If-Match": "*"}}).Want(200)
				ratings[any] = int64(step - 4)
			default:
				s.app.Do(t, apptest.Request{Method: "DELETE", Path: "/v1/reviews/" + any[37:], Token: apptest.As(uuid.MustParse(any[:36]))}).Want(204)
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
