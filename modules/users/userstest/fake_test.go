package userstest_test

import (
	"atrium/modules/users"
	"atrium/modules/users/userstest"
)

// The fake keeps the promises that other modules rely on.
var (
	_ users.Directory = (*userstest.Fake)(nil)
	_ users.Graph     = (*userstest.Fake)(nil)
	_ users.Counters  = (*userstest.Fake)(nil)
	_ users.Accounts  = (*userstest.Fake)(nil)

	_ users.Relationships = (*userstest.Fake)(nil)
)
