package rotation

import (
	"errors"
	"fmt"
)

// Catalog is the set of rotators that a program has.
type Catalog struct{ rotators []Rotator }

// NewCatalog returns the catalog of the given rotators. Two of one name or
// one type, or one that is neither Chooser nor Minter, are errors of the
// program that lists them.
func NewCatalog(rotators ...Rotator) (Catalog, error) {
	names, types := map[string]bool{}, map[string]bool{}
	for _, r := range rotators {
		d := r.Descriptor()
		if d.Name == "" {
			return Catalog{}, errors.New("rotation: a rotator has no name")
		}
		if names[d.Name] || (d.Type != "" && types[d.Type]) {
			return Catalog{}, fmt.Errorf("rotation: two rotators are called %q or have the type %q", d.Name, d.Type)
		}
		names[d.Name], types[d.Type] = true, true
		_, chooses := r.(Chooser)
		_, mints := r.(Minter)
		_, lists := r.(Lister)
		if chooses == mints || (mints && !lists) {
			return Catalog{}, fmt.Errorf("rotation: rotator %q must be a Chooser, or a Minter and a Lister", d.Name)
		}
	}
	return Catalog{rotators}, nil
}

// All lists the rotators in the order they were given.
func (c Catalog) All() []Rotator { return c.rotators }

// ByName returns the rotator of that name.
func (c Catalog) ByName(name string) (Rotator, bool) {
	for _, r := range c.rotators {
		if r.Descriptor().Name == name {
			return r, true
		}
	}
	return nil, false
}

// ByType returns the rotator for secrets of that Type.
func (c Catalog) ByType(typ string) (Rotator, bool) {
	for _, r := range c.rotators {
		if typ != "" && r.Descriptor().Type == typ {
			return r, true
		}
	}
	return nil, false
}

func (c Catalog) names() []string {
	var out []string
	for _, r := range c.rotators {
		out = append(out, r.Descriptor().Name)
	}
	return out
}
