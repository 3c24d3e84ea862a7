package internal

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/database"
)

// mostTies bounds each part of a circle that the cache keeps.
const mostTies = 20_000

// circle is what the cache keeps of how one person stands to others: all that decides what they may see.
type circle struct {
	Following database.IDs            `json:"following"` // ascending
	Mark      string                  `json:"mark"`      // of those; kept, as a sum over thousands costs much. Not all versions write it
	Apart     database.IDs            `json:"apart"`     // ascending: either blocks the other
	Muted     map[uuid.UUID]time.Time `json:"muted"`     // until when; zero: for good
	Large     bool                    `json:"large"`     // more than the cache keeps: the database must be asked
}

// relation is how another person, whom the cache knows as a card, stands to the one in the middle.
func (c circle) relation(other uuid.UUID, who card, now time.Time) users.Relation {
	until, muted := c.Muted[other]
	return users.Relation{
		Following: c.Following.Has(other), Blocked: c.Apart.Has(other), Muted: muted && (until.IsZero() || now.Before(until)),
		Private: who.Private, Gone: who.Gone,
	}
}

// Relations implements users.Graph.
func (g *Graph) Relations(ctx context.Context, viewer uuid.UUID, others []uuid.UUID) (map[uuid.UUID]users.Relation, error) {
	found := make(map[uuid.UUID]users.Relation, len(others))
	if len(others) == 0 {
		return found, nil
	}
	around, err := g.directory.circle(ctx, viewer)
	if err != nil {
		return nil, err
	}
	if around.Large {
		rows, err := g.store.relations(ctx, viewer, others)
		for id, r := range rows {
			found[id] = r.relation()
		}
		return found, err
	}
	people, err := g.directory.people.LoadMany(ctx, others, g.directory.loadCards)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, id := range others {
		found[id] = around.relation(id, people[id], now)
	}
	return found, nil
}

// Circle implements users.Graph.
func (g *Graph) Circle(ctx context.Context, user uuid.UUID) (users.Circle, error) {
	around, err := g.directory.circle(ctx, user)
	if err == nil && around.Large {
		around.Following, err = g.store.neighbours(ctx, followingEdge, user, uuid.Nil, -1)
	}
	if around.Mark == "" {
		around.Mark = markOf(around.Following)
	}
	return users.Circle{Following: around.Following, Mark: around.Mark}, err
}

// circle returns how a person stands to others; nobody stands to no one.
func (d *Directory) circle(ctx context.Context, id uuid.UUID) (circle, error) {
	if id == uuid.Nil {
		return circle{}, nil
	}
	return d.circles.Load(ctx, id, func(ctx context.Context) (circle, error) {
		around, err := d.store.circle(ctx, id)
		if !around.Large {
			around.Mark = markOf(around.Following)
		}
		return around, err
	})
}

// tiesChange forgets what people's circles were, once the transaction open in ctx has committed.
func (d *Directory) tiesChange(ctx context.Context, people ...uuid.UUID) {
	d.store.db.AfterCommit(ctx, func(ctx context.Context) { d.circles.Drop(ctx, people...) })
}

// markOf is short, and another one for other ids.
func markOf(ids database.IDs) string {
	sum := sha256.Sum256(ids.Bytes())
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
