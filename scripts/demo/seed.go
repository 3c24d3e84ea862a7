package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"

	"atrium/scripts/demo/client"
)

// thing is a product of the demo world.
type thing struct {
	slug, name, brand, category, description string
	cents                                    int64
	color                                    uint32
	width, depth, height                     int
}

var things = []thing{
	{"linnea-sofa", "Linnea sofa", "Nordhem", "seating", "Three seats, wool cover, oak feet.", 129900, 0x2F4F4F, 2100, 900, 780},
	{"linnea-armchair", "Linnea armchair", "Nordhem", "seating", "The sofa's small sister.", 59900, 0x2F4F4F, 850, 880, 780},
	{"arc-lamp", "Arc floor lamp", "Lumen", "lighting", "Reaches over the sofa.", 18900, 0xD98E4A, 400, 1100, 2050},
	{"paper-moon", "Paper moon pendant", "Lumen", "lighting", "Rice paper, 45 cm.", 4900, 0xF2E8CF, 450, 450, 430},
	{"oak-table", "Oak dining table", "Holt", "tables", "Solid oak, seats six.", 89900, 0xB08D65, 1800, 900, 740},
	{"side-table", "Tripod side table", "Holt", "tables", "Fits anywhere.", 12900, 0x8C7B6B, 420, 420, 520},
	{"string-shelf", "String shelf", "Holt", "storage", "Three boards, hangs on the wall.", 21900, 0x6E5A48, 800, 300, 1200},
	{"wool-rug", "Handwoven wool rug", "Tuva", "textiles", "170 x 240 cm, undyed.", 34900, 0xC9B79C, 1700, 2400, 12},
	{"linen-throw", "Linen throw", "Tuva", "textiles", "Washed linen, 130 x 170 cm.", 7900, 0xA65E4E, 1300, 1700, 5},
	{"clay-vase", "Clay vase", "Forma", "decor", "Thrown by hand; each is different.", 3900, 0xA65E4E, 180, 180, 320},
	{"round-mirror", "Round mirror", "Forma", "decor", "60 cm, brass frame.", 14900, 0xE3B23C, 600, 30, 600},
	{"garden-bench", "Acacia bench", "Holt", "outdoor", "Weathers to silver.", 24900, 0x8A5A3B, 1400, 580, 850},
}

// someone is a person of the demo world, with the rooms they show.
type someone struct {
	sub, name string
	follows   []int // indexes of people
	rooms     []demoRoom
}

type demoRoom struct {
	room, caption string
	palette       int
	pins          []int // indexes of things
}

var people = []someone{
	{"demo-ana", "Ana Ribeiro", []int{1, 2, 3}, []demoRoom{
		{"living", "Sunday light in the living room #livingroom #oak", 0, []int{0, 2}},
		{"dining", "New table, same old friends #dining", 2, []int{4}}}},
	{"demo-ben", "Ben Okafor", []int{0, 4}, []demoRoom{{"living", "Small flat, big rug #smallspace", 1, []int{7, 5}}}},
	{"demo-chiara", "Chiara Conti", []int{0, 1, 5}, []demoRoom{{"bedroom", "Terracotta and linen #bedroom", 2, []int{8, 9}}}},
	{"demo-daan", "Daan de Vries", []int{0, 2}, []demoRoom{{"office", "Working from the attic #office #shelves", 3, []int{6}}}},
	{"demo-eun", "Eun-ji Park", []int{0, 1, 2, 3}, []demoRoom{{"kitchen", "식탁 위의 달 #kitchen", 1, []int{3}}}},
	{"demo-freja", "Freja Holm", []int{0, 4}, []demoRoom{{"outdoor", "First coffee outside #balcony", 3, []int{11}}}},
}

// seed fills an empty stack: a shop with things, people with rooms, and who follows whom. Run again, it adds what is missing.
func seed(ctx context.Context, stack client.Endpoints, atrium string) error {
	if err := stack.Ready(ctx); err != nil {
		return err
	}
	shop, err := shopkeeper(ctx, stack, atrium)
	if err != nil {
		return err
	}
	ids := make([]string, len(things))
	for i, t := range things {
		if ids[i], err = stock(ctx, shop, t, uint64(i)); err != nil {
			return fmt.Errorf("product %s: %w", t.slug, err)
		}
	}
	residents := make([]*client.Person, len(people))
	for i, s := range people {
		if residents[i], _, err = client.SignIn(ctx, stack, s.sub, s.sub+"@atrium.test", s.name, s.sub); err != nil {
			return err
		}
	}
	for i, s := range people {
		for _, j := range s.follows {
			if _, err := residents[i].Call(ctx, http.MethodPut, "/users/"+residents[j].ID+"/follow", nil, nil); err != nil {
				return err
			}
		}
		if err := furnish(ctx, residents[i], s, ids, uint64(i)); err != nil {
			return fmt.Errorf("rooms of %s: %w", s.name, err)
		}
	}
	fmt.Printf("demo world: %d people, %d products\n", len(people), len(things))
	return nil
}

// shopkeeper signs in the shop's owner and makes sure that they are an admin.
func shopkeeper(ctx context.Context, stack client.Endpoints, atrium string) (*client.Person, error) {
	shop, _, err := client.SignIn(ctx, stack, "demo-shop", "shop@atrium.test", "Atrium Shop", "demo-shop")
	if err != nil {
		return nil, err
	}
	grant := exec.CommandContext(ctx, atrium, "admin", "grant", "user="+shop.ID)
	grant.Stderr = os.Stderr
	if err := grant.Run(); err != nil {
		return nil, fmt.Errorf("making the shop's owner an admin: %w", err)
	}
	shop, _, err = client.SignIn(ctx, stack, "demo-shop", "shop@atrium.test", "Atrium Shop", "demo-shop")
	return shop, err
}

// stock puts one thing on sale, unless it is there already, and returns its id.
func stock(ctx context.Context, p *client.Person, t thing, seed uint64) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	if _, err := p.Call(ctx, http.MethodGet, "/products/"+t.slug, nil, &made); err == nil {
		return made.ID, nil
	} else if f := (client.Failure{}); !errors.As(err, &f) || f.Status != http.StatusNotFound {
		return "", err
	}
	picture, err := p.AddPhoto(ctx, product(rgb(t.color), seed))
	if err != nil {
		return "", err
	}
	if _, err := p.Call(ctx, http.MethodPost, "/admin/products", map[string]any{
		"name": t.name, "brand": t.brand, "description": t.description, "category": t.category, "slug": t.slug, "photos": []string{picture},
		"dimensions": map[string]int{"width_mm": t.width, "depth_mm": t.depth, "height_mm": t.height}}, &made); err != nil {
		return "", err
	}
	var variant struct {
		ID string `json:"id"`
	}
	if _, err := p.Call(ctx, http.MethodPost, "/admin/products/"+made.ID+"/variants", map[string]any{
		"sku": t.slug + "-1", "name": "Standard", "options": map[string]string{},
		"price": map[string]any{"amount": t.cents, "currency": "EUR"}}, &variant); err != nil {
		return "", err
	}
	_, err = p.Call(ctx, http.MethodPost, "/admin/variants/"+variant.ID+"/stock", map[string]any{"delta": 1000, "reason": "demo world"}, nil)
	return made.ID, err
}

// furnish posts a person's rooms, unless they have posted already.
func furnish(ctx context.Context, p *client.Person, s someone, products []string, seed uint64) error {
	var posted struct {
		Items []struct{} `json:"items"`
	}
	if _, err := p.Call(ctx, http.MethodGet, "/users/"+p.ID+"/posts", nil, &posted); err != nil {
		return err
	}
	for i, r := range s.rooms[min(len(posted.Items), len(s.rooms)):] {
		picture, err := p.AddPhoto(ctx, room(palettes[r.palette], seed*10+uint64(i), 1600, 1200))
		if err != nil {
			return err
		}
		pins := make([]map[string]any, len(r.pins))
		for j, pin := range r.pins {
			pins[j] = map[string]any{"x": 0.5 + 0.15*float64(j), "y": 0.6, "product_id": products[pin]}
		}
		if _, err := p.Call(ctx, http.MethodPost, "/posts", map[string]any{"caption": r.caption, "room": r.room,
			"photos": []map[string]any{{"upload_id": picture, "alt": "A room with furniture", "pins": pins}}}, nil); err != nil {
			return err
		}
	}
	return nil
}
