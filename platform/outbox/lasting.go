package outbox

import (
	"context"
	"slices"

	"atrium/platform/database"
)

// Lasting is a subscriber that must hear of an event even if its module is switched off when that happens.
type Lasting struct {
	Subscriber string // "orders.user_deleted"
	Event      string // "users.deleted.v1"
}

// Enlist writes down the lasting subscribers of the modules that are on here. From then on an event waits for them whether
// their module is on or off. One that a module no longer has is forgotten, unless another build that lived not long ago has it.
func Enlist(ctx context.Context, db *database.DB, modules []string, all []Lasting) error {
	var subscribers, events []string
	for _, l := range all {
		subscribers, events = append(subscribers, l.Subscriber), append(events, l.Event)
	}
	err := db.InTx(ctx, func(ctx context.Context) error {
		err := db.Conn(ctx).Exec(`
			DELETE FROM lasting_subscribers WHERE split_part(subscriber, '.', 1) = ANY(?) AND subscriber <> ALL(?)
				AND subscriber NOT IN (SELECT h.handler FROM process_handlers h JOIN processes p ON p.id = h.process_id
					WHERE p.seen_at > now() - make_interval(secs => ?))`,
			database.Array(modules), database.Array(subscribers), knownFor.Seconds()).Error
		if err != nil {
			return err
		}
		return db.Conn(ctx).Exec(`
			INSERT INTO lasting_subscribers (subscriber, event) SELECT * FROM unnest(?::text[], ?::text[])
			ON CONFLICT (subscriber) DO UPDATE SET event = excluded.event WHERE lasting_subscribers.event <> excluded.event`,
			database.Array(subscribers), database.Array(events)).Error
	})
	return err
}

// lasting reads who must hear of the events among rows that are dispatched for the first time, by the event's name.
func (r *Relay) lasting(ctx context.Context, rows []claimedRow) (map[string][]string, error) {
	var names []string
	for _, row := range rows {
		if row.Kind == KindEvent && row.Subscribers == nil && !slices.Contains(names, row.Name) {
			names = append(names, row.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	var found []Lasting
	err := r.db.Conn(ctx).Raw(`SELECT subscriber, event FROM lasting_subscribers WHERE event = ANY(?) ORDER BY subscriber`,
		database.Array(names)).Scan(&found).Error
	if err != nil {
		return nil, err
	}
	byEvent := map[string][]string{}
	for _, l := range found {
		byEvent[l.Event] = append(byEvent[l.Event], l.Subscriber)
	}
	return byEvent, nil
}
