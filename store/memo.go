package store

import (
	"maps"
	"time"

	"github.com/rotahq/rota"
)

// memo is a transaction that reads the rows that every operation begins with
// once, however many operations are a part of it.
type memo struct {
	Tx
	secrets map[rota.Key]remembered[SecretRow]
	names   map[name]remembered[SecretRow]
	labels  map[rota.Key]map[rota.Label]string
	tasks   map[rota.Key]remembered[Task]
}

type name struct{ account, region, name string }

type remembered[T any] struct {
	row T
	ok  bool
}

func newMemo(tx Tx) *memo {
	m := &memo{Tx: tx, labels: map[rota.Key]map[rota.Label]string{}, tasks: map[rota.Key]remembered[Task]{}}
	m.forgetSecrets()
	return m
}

func (m *memo) forgetSecrets() {
	m.secrets, m.names = map[rota.Key]remembered[SecretRow]{}, map[name]remembered[SecretRow]{}
}

// recall reads a row, or remembers it.
func recall[K comparable, T any](seen map[K]remembered[T], k K, read func() (T, bool, error)) (T, bool, error) {
	if r, ok := seen[k]; ok {
		return r.row, r.ok, nil
	}
	row, ok, err := read()
	if err == nil {
		seen[k] = remembered[T]{row, ok}
	}
	return row, ok, err
}

func (m *memo) Secret(k rota.Key) (SecretRow, bool, error) {
	return recall(m.secrets, k, func() (SecretRow, bool, error) { return m.Tx.Secret(k) })
}

func (m *memo) SecretByName(account, region, n string) (SecretRow, bool, error) {
	return recall(m.names, name{account, region, n}, func() (SecretRow, bool, error) { return m.Tx.SecretByName(account, region, n) })
}

func (m *memo) PutSecret(s SecretRow) error {
	m.forgetSecrets()
	return m.Tx.PutSecret(s)
}

func (m *memo) PutAccessed(k rota.Key, version string, day time.Time) error {
	m.forgetSecrets()
	return m.Tx.PutAccessed(k, version, day)
}

func (m *memo) DeleteSecret(k rota.Key) error {
	m.forgetSecrets()
	delete(m.labels, k)
	delete(m.tasks, k)
	return m.Tx.DeleteSecret(k)
}

// Labels returns a map of the caller's own.
func (m *memo) Labels(k rota.Key) (map[rota.Label]string, error) {
	if l, ok := m.labels[k]; ok {
		return maps.Clone(l), nil
	}
	l, err := m.Tx.Labels(k)
	if err == nil {
		m.labels[k] = maps.Clone(l)
	}
	return l, err
}

func (m *memo) PutLabel(k rota.Key, l rota.Label, version string) error {
	delete(m.labels, k)
	return m.Tx.PutLabel(k, l, version)
}

func (m *memo) DeleteLabel(k rota.Key, l rota.Label) error {
	delete(m.labels, k)
	return m.Tx.DeleteLabel(k, l)
}

func (m *memo) Task(k rota.Key) (Task, bool, error) {
	return recall(m.tasks, k, func() (Task, bool, error) { return m.Tx.Task(k) })
}

func (m *memo) PutTask(t Task) error {
	delete(m.tasks, t.Secret)
	return m.Tx.PutTask(t)
}
