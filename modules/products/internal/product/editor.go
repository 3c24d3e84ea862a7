package product

import (
	"context"

	"atrium/platform/identity"
)

// EditorRoles are the roles of those who may be editors.
var EditorRoles = []string{identity.RoleSeller, identity.RoleAdmin}

// EditorFrom is the person that a request comes from.
func EditorFrom(ctx context.Context) Editor {
	p := identity.From(ctx)
	return Editor{ID: p.UserID, Admin: p.Has(identity.RoleAdmin)}
}
