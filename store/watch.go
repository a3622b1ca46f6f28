package store

import "github.com/rotahq/rota"

// watch is a transaction that remembers what was changed of each secret, so
// that its replicas follow before the commit. Who writes need not know that
// there are replicas.
type watch struct {
	Tx
	changed    map[rota.Key]*change
	principals []string // ARNs of those that were changed
}

type change struct {
	row      *SecretRow            // as it was put last; nil when it was not
	versions map[string]bool       // whose value may be another
	labels   map[rota.Label]string // that were put, and on which version last
}

func newWatch(tx Tx) *watch { return &watch{Tx: tx, changed: map[rota.Key]*change{}} }

func (w *watch) of(k rota.Key) *change {
	c := w.changed[k]
	if c == nil {
		c = &change{versions: map[string]bool{}, labels: map[rota.Label]string{}}
		w.changed[k] = c
	}
	return c
}

func (w *watch) PutSecret(s SecretRow) error {
	w.of(s.Key).row = &s
	return w.Tx.PutSecret(s)
}

func (w *watch) DeleteSecret(k rota.Key) error {
	delete(w.changed, k)
	return w.Tx.DeleteSecret(k)
}

func (w *watch) PutLabel(k rota.Key, l rota.Label, version string) error {
	w.of(k).labels[l] = version
	return w.Tx.PutLabel(k, l, version)
}

func (w *watch) DeleteLabel(k rota.Key, l rota.Label) error {
	delete(w.of(k).labels, l)
	return w.Tx.DeleteLabel(k, l)
}

func (w *watch) PutTags(k rota.Key, tags []rota.Tag) error {
	w.of(k)
	return w.Tx.PutTags(k, tags)
}

func (w *watch) PutPolicy(k rota.Key, document string) error {
	w.of(k)
	return w.Tx.PutPolicy(k, document)
}

func (w *watch) PutVersion(v VersionRow) error {
	w.of(v.Secret).versions[v.ID] = true
	return w.Tx.PutVersion(v)
}

func (w *watch) DeleteVersion(k rota.Key, id string) error {
	w.of(k)
	return w.Tx.DeleteVersion(k, id)
}
