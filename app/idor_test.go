package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/scripts/demo/client"
)

// The sweep finds the routes by itself, in the document that the running server writes of them. What it must be told is, for
// each place in a path that holds an id, whose thing to put there: one line in belongings or in open.

// belongings makes everything that Ana has and Ben must not get at, and says where in the paths it goes. Ana is private and has
// blocked Ben, so what is hers does not exist for him.
func belongings(i *installation, ana *client.Person) map[string]string {
	photo := i.photoOf(ana)
	post := i.made(ana, "/posts", map[string]any{"caption": "Mine", "visibility": "private", "photos": []any{map[string]any{"upload_id": photo}}})
	comment := i.made(ana, "/posts/"+post+"/comments", map[string]any{"text": "To myself"})
	address := i.made(ana, "/me/addresses", map[string]any{"name": "Ana", "line1": "Example Street 1", "city": "Berlin", "postal_code": "10115", "country": "DE"})
	variant := i.stockShelf(5)
	order := i.buy(ana, variant)
	i.does(ana, http.MethodPut, "/me/devices/anas-phone", map[string]any{"platform": "ios", "token": "push-" + ana.ID, "locale": "en", "timezone": "UTC"})
	i.does(ana, http.MethodPatch, "/me", map[string]any{"is_private": true}, "If-Match", "*")
	i.does(ana, http.MethodPut, "/drafts/"+draftID, map[string]any{"caption": "Not yet"})
	board := i.made(ana, "/boards", map[string]any{"title": "To myself", "visibility": "private"})
	i.does(ana, http.MethodPut, "/boards/"+board+"/items/post/"+post, nil)
	cleo := i.join("cleo")
	i.does(cleo, http.MethodPut, "/users/"+ana.ID+"/follow", nil)
	return map[string]string{
		"/v1/users/{user}":                     ana.ID,
		"/v1/me/follow-requests/{user}":        cleo.ID,
		"/v1/me/sessions/{id}":                 i.first(ana, "/me/sessions"),
		"/v1/me/identities/{id}":               i.first(ana, "/me/identities"),
		"/v1/me/addresses/{id}":                address,
		"/v1/uploads/{id}":                     photo,
		"/v1/posts/{id}":                       post,
		"/v1/comments/{id}":                    comment,
		"/v1/boards/{id}":                      board,
		"/v1/boards/{id}/items/post/{item}":    post,
		"/v1/boards/{id}/items/product/{item}": uuid.NewString(),
		"/v1/orders/{id}":                      order,
		"/v1/admin/users/{id}":                 ana.ID,
		"/v1/admin/orders/{id}":                order,
		"/v1/admin/variants/{id}":              variant,
	}
}

// draftID is the draft that Ana writes: apps choose the ids of their drafts themselves.
const draftID = "0190d2a0-0000-7000-8000-000000000001"

// open are places whose id names nothing of somebody else's. Ben may use them; what is Ana's must stay as it is.
var open = map[string]string{
	"/v1/products/{product}":              "lamp",       // the catalogue is everybody's
	"/v1/tags/{tag}":                      "japandi",    // a word
	"/v1/me/devices/{installation_id}":    "anas-phone", // names a device of one's own, whatever others call theirs
	"/v1/cart/items/{variant_id}":         "",           // one's own cart, and a variant of the catalogue
	"/v1/drafts/{id}":                     draftID,      // names a draft of one's own, whatever others call theirs
	"/v1/me/follow-requests/{user}":       "",           // one's own door: who knocks at another's knocks there only
	"/v1/me/dismissed-suggestions/{user}": "",           // one's own list
	"/v1/me/muted-terms/{kind}":           "tag",        // likewise
	"/v1/me/muted-terms/{kind}/{term}":    "japandi",
	"/v1/account-deletions/{token}":       "", // a secret, which nobody else has
	"/v1/exports/{token}":                 "", // likewise
}

// bodies are for routes whose body cannot be guessed from the document.
var bodies = map[string]any{}

func TestIDOR_EveryRouteWithAnIDAsSomebodyElse(t *testing.T) {
	t.Parallel()
	i := install(t, "ATRIUM_OUTBOX_SWEEP_INTERVAL=200ms")
	i.serve("api")
	worker := i.serve("worker")
	ana, ben := i.join("ana"), i.join("ben")
	places := belongings(i, ana)
	i.does(ana, http.MethodPut, "/users/"+ben.ID+"/block", nil)
	i.rests()
	i.does(i.shopkeeper(), http.MethodPost, "/admin/orders/"+places["/v1/orders/{id}"]+"/ship", map[string]any{"carrier": "DHL", "tracking_number": "1"})
	places["/v1/reviews/{id}"] = i.made(ana, "/products/lamp/reviews", map[string]any{"rating": 5, "text": "Bright"})
	i.rests()
	worker.stop(syscall.SIGTERM) // from here on, only the sweep changes anything

	i.rest = i.digest("")
	swept := 0
	for _, r := range i.routes() {
		if !strings.Contains(r.path, "{") {
			if r.isAdmin() {
				i.forbidden(ben, r, r.path)
			}
			continue
		}
		swept++
		path, isOpen, ok := fill(r.path, places)
		switch {
		case r.isAdmin(): // refused before anything is looked up, so any id will do
			i.forbidden(ben, r, path)
		case !ok:
			t.Errorf("%s %s: the sweep does not know what to put into this path. If it names something of one person, make it in belongings; "+
				"if it is everybody's, say so in open.", r.method, r.path)
		case r.method == http.MethodPut && r.path == "/v1/users/{user}/block":
			// Ben may block whoever blocks him, and learns nothing from it.
			answer := i.asks(ben, r, path)
			require.Equal(t, http.StatusNotFound, answer.Status)
			i.rest = i.digest("")
		case isOpen:
			i.leavesAlone(ana, ben, r, path)
		default:
			i.hidden(ben, r, path)
		}
	}
	require.Greater(t, swept, 30)
}

// rests waits until the workers have nothing left to do.
func (i *installation) rests() {
	i.t.Helper()
	i.eventually(60*time.Second, "the workers have nothing left to do", func() bool {
		return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
	})
}

// route is one operation of the OpenAPI document.
type route struct {
	method, path string
	body         map[string]any // schema of its JSON body, or nil
	schemas      map[string]any
}

func (r route) isAdmin() bool { return strings.HasPrefix(r.path, "/v1/admin/") }

func (i *installation) routes() []route {
	i.t.Helper()
	var document struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]any }
	}
	_, err := client.Call(i.t.Context(), http.MethodGet, i.stack.API+"/openapi.json", "", nil, nil, &document)
	require.NoError(i.t, err)
	var found []route
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(document.Paths[path])) {
			var op struct {
				RequestBody struct {
					Content map[string]struct{ Schema map[string]any }
				}
			}
			require.NoError(i.t, json.Unmarshal(document.Paths[path][method], &op))
			found = append(found, route{strings.ToUpper(method), path, op.RequestBody.Content["application/json"].Schema, document.Components.Schemas})
		}
	}
	return found
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// fill puts a thing into every parameter of a path, chosen by the path up to it; where none is known, an id of nothing.
func fill(path string, places map[string]string) (filled string, isOpen, ok bool) {
	var b strings.Builder
	last := 0
	ok = true
	for _, at := range parameter.FindAllStringIndex(path, -1) {
		place := path[:at[1]]
		value, known := places[place]
		if usual, ours := open[place]; ours {
			if !known {
				value = usual
			}
			isOpen, known = true, true
		}
		if value == "" {
			value = uuid.NewString()
		}
		b.WriteString(path[last:at[0]] + value)
		last, ok = at[1], ok && known
	}
	return b.String() + path[last:], isOpen, ok
}

// asks sends the request of a route with a body that fits its schema.
func (i *installation) asks(p *client.Person, r route, path string) client.Answer {
	i.t.Helper()
	var body any
	if r.body != nil {
		body = r.example(r.body, 0)
	}
	if given, ok := bodies[r.method+" "+r.path]; ok {
		body = given
	}
	header := []string{"Idempotency-Key", uuid.NewString()}
	if r.method == http.MethodPatch {
		header = append(header, "If-Match", "*")
	}
	answer, _ := p.Call(i.t.Context(), r.method, strings.TrimPrefix(path, "/v1"), body, nil, header...) // a refusal is an error, and an answer
	return answer
}

// hidden expects the very answer that an id of nothing gets, and no effect on anything.
func (i *installation) hidden(ben *client.Person, r route, path string) {
	i.t.Helper()
	answer := i.asks(ben, r, path)
	nothing, _, _ := fill(r.path, nil)
	reference := i.asks(ben, r, nothing)
	what := r.method + " " + path
	require.Equal(i.t, http.StatusNotFound, answer.Status, "%s as somebody else: %s", what, answer.Body)
	require.Equal(i.t, problem(i.t, reference), problem(i.t, answer), "%s tells that the thing exists", what)
	require.Equal(i.t, i.rest, i.digest(""), "%s as somebody else had an effect", what)
}

func (i *installation) forbidden(ben *client.Person, r route, path string) {
	i.t.Helper()
	answer := i.asks(ben, r, path)
	require.Equal(i.t, http.StatusForbidden, answer.Status, "%s %s without the role: %s", r.method, path, answer.Body)
	require.Equal(i.t, i.rest, i.digest(""), "%s %s without the role had an effect", r.method, path)
}

func (i *installation) leavesAlone(ana, ben *client.Person, r route, path string) {
	i.t.Helper()
	before := i.digest(ana.ID)
	answer := i.asks(ben, r, path)
	require.Less(i.t, answer.Status, 500, "%s %s: %s", r.method, path, answer.Body)
	require.Equal(i.t, before, i.digest(ana.ID), "%s %s changed what is another's", r.method, path)
	i.rest = i.digest("") // what Ben did to himself
}

// problem is a problem document without what names the request.
func problem(t testing.TB, a client.Answer) map[string]any {
	t.Helper()
	var document map[string]any
	require.NoError(t, json.Unmarshal(a.Body, &document), "%s", a.Body)
	delete(document, "instance")
	return document
}

// digest sums up every table, or of each the rows that speak of a person. When somebody was last seen, which processes live, and the answers that are
// kept for repeats, are no effect.
func (i *installation) digest(about string) map[string]string {
	i.t.Helper()
	db := i.db.Conn(context.Background())
	if i.sums == "" {
		require.NoError(i.t, db.Raw(`SELECT string_agg(format('SELECT %L AS name, coalesce(md5(string_agg(line, %L ORDER BY line)), %L) AS sum FROM '
			'(SELECT (to_jsonb(t) - ''last_seen_at'' - ''confirmed'')::text AS line FROM %I t) AS lines WHERE line LIKE @about', table_name, '', '', table_name), ' UNION ALL ')
			FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'idempotency%' AND table_name NOT LIKE 'process%'`).Scan(&i.sums).Error)
	}
	var rows []struct{ Name, Sum string }
	require.NoError(i.t, db.Raw(i.sums, map[string]any{"about": "%" + about + "%"}).Scan(&rows).Error)
	sums := map[string]string{}
	for _, row := range rows {
		sums[row.Name] = row.Sum
	}
	require.NotEmpty(i.t, sums)
	return sums
}

// example makes a value that fits a schema: its example where it has one, else the least that is allowed.
func (r route) example(schema map[string]any, depth int) any {
	if depth > 8 {
		return nil
	}
	if reference, ok := schema["$ref"].(string); ok {
		named, _ := r.schemas[reference[strings.LastIndex(reference, "/")+1:]].(map[string]any)
		return r.example(named, depth+1)
	}
	if examples, ok := schema["examples"].([]any); ok && len(examples) > 0 {
		return examples[0]
	}
	if values, ok := schema["enum"].([]any); ok && len(values) > 0 {
		return values[0]
	}
	for _, choice := range []string{"oneOf", "anyOf", "allOf"} {
		if all, ok := schema[choice].([]any); ok && len(all) > 0 {
			first, _ := all[0].(map[string]any)
			return r.example(first, depth+1)
		}
	}
	kind, _ := schema["type"].(string)
	if kinds, ok := schema["type"].([]any); ok && len(kinds) > 0 {
		kind, _ = kinds[0].(string)
	}
	switch kind {
	case "object":
		return r.exampleObject(schema, depth)
	case "array":
		items, _ := schema["items"].(map[string]any)
		list := []any{}
		if least, _ := schema["minItems"].(float64); least > 0 {
			list = append(list, r.example(items, depth+1))
		}
		return list
	case "integer", "number":
		least, _ := schema["minimum"].(float64)
		return max(least, 1)
	case "boolean":
		return true
	}
	return exampleText(schema)
}

func (r route) exampleObject(schema map[string]any, depth int) map[string]any {
	object := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		property, _ := properties[fmt.Sprint(name)].(map[string]any)
		object[fmt.Sprint(name)] = r.example(property, depth+1)
	}
	return object
}

func exampleText(schema map[string]any) string {
	switch schema["format"] {
	case "uuid":
		return uuid.NewString()
	case "date-time":
		return time.Now().UTC().Format(time.RFC3339)
	}
	least, _ := schema["minLength"].(float64)
	return strings.Repeat("x", max(int(least), 1))
}

// photoOf uploads a small picture.
func (i *installation) photoOf(p *client.Person) string {
	i.t.Helper()
	id, err := p.AddPhoto(i.t.Context(), smallJPEG(i.t))
	require.NoError(i.t, err)
	return id
}

// made creates something and returns its id.
func (i *installation) made(p *client.Person, path string, body any) string {
	i.t.Helper()
	var thing struct {
		ID string `json:"id"`
	}
	_, err := p.Call(i.t.Context(), http.MethodPost, path, body, &thing)
	require.NoError(i.t, err)
	return thing.ID
}

func (i *installation) does(p *client.Person, method, path string, body any, header ...string) {
	i.t.Helper()
	_, err := p.Call(i.t.Context(), method, path, body, nil, header...)
	require.NoError(i.t, err)
}

// first is the id of the first item of a list.
func (i *installation) first(p *client.Person, path string) string {
	i.t.Helper()
	var list struct {
		Items []struct {
			ID string `json:"id"`
		}
	}
	_, err := p.Call(i.t.Context(), http.MethodGet, path, nil, &list)
	require.NoError(i.t, err)
	require.NotEmpty(i.t, list.Items)
	return list.Items[0].ID
}
