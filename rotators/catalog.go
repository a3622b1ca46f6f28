// Package rotators lists the rotators that rota has: a folder a database, and
// a data file an outside API.
package rotators

import (
	"fmt"

	"github.com/rotahq/rota/rotation"
	"github.com/rotahq/rota/rotators/httpapi"
	"github.com/rotahq/rota/rotators/postgres"
)

// Catalog is every rotator, and those given besides.
func Catalog(more ...rotation.Rotator) (rotation.Catalog, error) {
	all := []rotation.Rotator{
		postgres.New(postgres.Options{}),
	}
	providers, err := httpapi.Embedded()
	if err != nil {
		return rotation.Catalog{}, fmt.Errorf("the provider files: %w", err)
	}
	for _, p := range providers {
		all = append(all, p.Rotator(httpapi.Options{}))
	}
	return rotation.NewCatalog(append(all, more...)...)
}
