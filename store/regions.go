package store

import (
	"slices"
	"strings"
)

// metaRegions holds the regions that were ever served besides the first, in
// the order they were added.
const metaRegions = "store.regions"

// Regions lists the regions that the store answers for, its home first. Who
// is in front of the store refuses requests for any other.
func (s *Store) Regions() []string { return slices.Clone(s.regions) }

// readRegions reads what is recorded and adds what is new. A region that was
// served once is served again at each start: its replicas are kept in step
// whether or not it is named.
func (s *Store) readRegions(tx Tx) (added bool, err error) {
	recorded, err := tx.Meta(metaRegions)
	if err != nil {
		return false, err
	}
	s.regions = append([]string{s.cfg.Region}, strings.Fields(string(recorded))...)
	for _, r := range s.cfg.Regions {
		if !slices.Contains(s.regions, r) {
			s.regions, added = append(s.regions, r), true
		}
	}
	return added, nil
}

func (s *Store) writeRegions(tx Tx) error {
	return tx.PutMeta(metaRegions, []byte(strings.Join(s.regions[1:], " ")))
}
