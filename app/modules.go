package app

import (
	"fmt"
	"slices"
	"strings"

	"go.uber.org/fx"

	"atrium/config"
	"atrium/modules/auth/authfx"
	"atrium/modules/notifications/notificationsfx"
	"atrium/modules/orders/ordersfx"
	"atrium/modules/posts/postsfx"
	"atrium/modules/products/productsfx"
	"atrium/modules/uploads/uploadsfx"
	"atrium/modules/users/usersfx"
)

// module is one entry of the catalogue. It needs other modules for its correctness: without them the application refuses
// to start. What it merely uses is not named here: it gets the other module's Absent.
type module struct {
	name    string
	on, off fx.Option
	needs   []string
}

// catalogue is all that exists. A new module is one more line.
var catalogue = []module{
	{"auth", authfx.Module, authfx.Off, needs("users")},
	{"users", usersfx.Module, usersfx.Off, needs("auth")},
	{"uploads", uploadsfx.Module, uploadsfx.Off, needs("auth", "users")},
	{"posts", postsfx.Module, postsfx.Off, needs("auth", "users")},
	{"products", productsfx.Module, productsfx.Off, needs("auth", "users")},
	{"orders", ordersfx.Module, ordersfx.Off, needs("auth", "users", "products")},
	{"notifications", notificationsfx.Module, notificationsfx.Off, needs("auth", "users")},
}

func needs(names ...string) []string { return names }

// moduleNames lists the catalogue.
func moduleNames() []string {
	names := make([]string, len(catalogue))
	for i, m := range catalogue {
		names[i] = m.name
	}
	return names
}

// choose returns each module switched on or off, or refuses with one sentence for each need that is not met.
func choose(switches config.Modules) (options []fx.Option, on []string, err error) {
	var refusals []string
	for _, m := range catalogue {
		if !switches.On(m.name) {
			options = append(options, m.off)
			continue
		}
		options, on = append(options, m.on), append(on, m.name)
		for _, need := range m.needs {
			if !switches.On(need) {
				refusals = append(refusals, fmt.Sprintf("%s needs %s: switch %s on or %s off", m.name, need, need, m.name))
			}
		}
	}
	if len(refusals) > 0 {
		return nil, nil, fmt.Errorf("%s", strings.Join(refusals, "; "))
	}
	return options, on, nil
}

// moduleTable writes which modules there are, which are on, what they need, and whether they can start like this.
func moduleTable(switches config.Modules) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-15s%-6s%s\n", "MODULE", "STATE", "NEEDS")
	for _, m := range catalogue {
		state := "off"
		if switches.On(m.name) {
			state = "on"
		}
		fmt.Fprintf(&b, "%-15s%-6s%s\n", m.name, state, strings.Join(slices.Sorted(slices.Values(m.needs)), ", "))
	}
	if _, _, err := choose(switches); err != nil {
		fmt.Fprintf(&b, "\nRefused: %v.\n", err)
	}
	return b.String()
}
