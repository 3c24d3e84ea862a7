package category_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/products/internal/category"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/tasks/taskstest"
)

func TestCategoryTree(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	admin := apptest.As(s.Seller, identity.RoleAdmin)
	ask := func(method, path string, body any, status int, header ...string) *apptest.Response {
		t.Helper()
		r := apptest.Request{Method: method, Path: path, Token: admin, Body: body, Header: map[string]string{}}
		if len(header) > 0 {
			r.Header["If-Match"] = header[0]
		}
		return s.App.Do(t, r).Want(status)
	}
	tree := func() map[string]any {
		parents := map[string]any{}
		for _, item := range s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/categories?limit=50"}).Want(200).JSON()["items"].([]any) {
			parents[item.(object)["slug"].(string)] = item.(object)["parent"]
		}
		return parents
	}
	tree() // cached from here on

	made := ask("POST", "/v1/admin/categories", object{"slug": "floor-lamps", "name": "Floor lamps", "parent": "lighting"}, 201)
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "lighting", tree()["floor-lamps"], "seen at once")
	lamp := s.Product("Arc", object{"category": "floor-lamps"})
	s.Variant(lamp, 9900, 1)
	require.Equal(t, []string{"Arc"}, s.Found("category=lighting"), "a branch is part of its tree")
	require.Equal(t, []string{"Arc"}, s.Found("q=floor"))

	t.Run("who may not, and what may not be", func(t *testing.T) {
		s.Do("POST", "/v1/admin/categories", object{"slug": "mine", "name": "Mine"}).Want(403)
		require.Equal(t, "products.category_taken", ask("POST", "/v1/admin/categories", object{"slug": "decor", "name": "Decor"}, 409).JSON()["code"])
		require.Contains(t, string(ask("POST", "/v1/admin/categories", object{"slug": "Not a slug", "name": "x"}, 422).Body), "/body/slug")
		require.Contains(t, string(ask("POST", "/v1/admin/categories", object{"slug": "lost", "name": "x", "parent": "nowhere"}, 422).Body), "/body/parent")
		ask("PATCH", "/v1/admin/categories/floor-lamps", object{"position": 2}, 428)
		ask("PATCH", "/v1/admin/categories/nowhere", object{"position": 2}, 404, "*")
		for _, parent := range []string{"lighting", "floor-lamps"} {
			require.Contains(t, string(ask("PATCH", "/v1/admin/categories/lighting", object{"parent": parent}, 422, "*").Body), "/body/parent", "no circles")
		}
		for _, used := range []string{"lighting", "floor-lamps"} {
			require.Equal(t, "products.category_in_use", ask("DELETE", "/v1/admin/categories/"+used, nil, 409).JSON()["code"])
		}
		ask("DELETE", "/v1/admin/categories/nowhere", nil, 404)
	})
	t.Run("a renamed category is found by its new name, and its products too", func(t *testing.T) {
		ask("PATCH", "/v1/admin/categories/floor-lamps", object{"name": "Standing lights"}, 412, `"7"`)
		ask("PATCH", "/v1/admin/categories/floor-lamps", object{"name": "Standing lights", "parent": nil}, 200, `"1"`)
		require.Nil(t, tree()["floor-lamps"])
		taskstest.Drain(t, s.DB, s.Handlers...)
		require.Len(t, taskstest.Tasks[category.Reindex](t, s.DB), 2, "one step, and one that finds nothing left")
		require.Equal(t, []string{"Arc"}, s.Found("q=standing"))
		require.Empty(t, s.Found("q=floor"))
	})
	t.Run("an empty one goes", func(t *testing.T) {
		ask("POST", "/v1/admin/categories", object{"slug": "passing", "name": "Passing"}, 201)
		ask("DELETE", "/v1/admin/categories/passing", nil, 204)
		require.NotContains(t, tree(), "passing")
	})
}

func TestFault_H7_AnEditOfACategoryThatChangesNothingKeepsItsVersion(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	ask := func(method, path string, body any, match string) *apptest.Response {
		t.Helper()
		return s.App.Do(t, apptest.Request{Method: method, Path: path, Token: apptest.As(s.Seller, identity.RoleAdmin), Body: body, Header: map[string]string{"If-Match": match}})
	}
	made := ask("POST", "/v1/admin/categories", object{"slug": "floor-lamps", "name": "Floor lamps", "parent": "lighting", "position": 3}, "").Want(201)
	edit := func(body object) *apptest.Response {
		return ask("PATCH", "/v1/admin/categories/floor-lamps", body, `"1"`).Want(200)
	}
	for _, same := range []object{{}, {"name": " Floor lamps "}, {"parent": "lighting", "position": 3}} {
		require.Equal(t, made.JSON(), edit(same).JSON(), same)
	}
	require.Empty(t, taskstest.Tasks[category.Reindex](t, s.DB))
	require.EqualValues(t, 2, edit(object{"parent": nil}).JSON()["version"])
}
