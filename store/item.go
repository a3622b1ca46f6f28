package store

import (
	"maps"
	"slices"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
)

// item is one secret in a transaction that may change it. Its methods keep
// row, labels and task in step with the database; the row and the task are
// written by save.
type item struct {
	*session
	row    SecretRow
	labels map[rota.Label]string
	task   Task    // of the zero Kind and Due when the secret has none
	queued bool    // there is a task row
	mine   bool    // the caller holds the claim on this secret
	was    *origin // before the change, of a caller who is asked; nil otherwise
}

// open finds the secret for an operation that changes it. Scheduled for
// deletion it is refused, but to whoever holds its claim; and so is a
// replica, which changes with its primary only.
func (x *session) open(id string) (*item, error) {
	it, err := x.openReplica(id)
	if err != nil {
		return nil, err
	}
	return it, it.notReplica()
}

func (it *item) notReplica() error {
	if it.row.IsReplica() {
		return rota.E(rota.InvalidParameter, msgReplica)
	}
	return nil
}

// openReplica is open for what may be done to a replica too.
func (x *session) openReplica(id string) (*item, error) {
	it, err := x.openAny(id)
	if err != nil {
		return nil, err
	}
	if it.row.Deleted() && !it.mine {
		return nil, rota.E(rota.InvalidRequest, msgMarkedDeleted)
	}
	return it, nil
}

// openAny is open for the operations that deletion does not bar.
func (x *session) openAny(id string) (*item, error) {
	row, err := x.find(id)
	if err != nil {
		return nil, err
	}
	return x.load(row)
}

// openKey is open by internal id, for the engine.
func (x *session) openKey(k rota.Key) (*item, error) {
	row, ok, err := x.tx.Secret(k)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, rota.E(rota.NotFound, msgNotFound)
	}
	return x.load(row)
}

func (x *session) load(row SecretRow) (*item, error) {
	it := &item{session: x, row: row}
	var err error
	if it.labels, err = x.tx.Labels(row.Key); err != nil {
		return nil, err
	}
	if it.task, it.queued, err = x.tx.Task(row.Key); err != nil {
		return nil, err
	}
	it.task.Secret, it.task.Name, it.task.ARN = row.Key, row.Name, row.ARN()
	if x.c.Claim.Held() && x.c.Claim.Secret == row.Key {
		if err := it.checkClaim(); err != nil {
			return nil, err
		}
		it.mine = true
	}
	if x.writes && !x.c.Trusted() {
		was, err := it.origin()
		if err != nil {
			return nil, err
		}
		it.was = &was
	}
	return it, nil
}

// changed marks that the secret was modified now; save writes it.
func (it *item) changed() { it.row.Changed = it.now }

func (it *item) save() error {
	if err := it.mayRedirect(); err != nil {
		return err
	}
	if err := it.tx.PutSecret(it.row); err != nil {
		return err
	}
	return it.saveTask()
}

// saveTask writes the task, if there is one or there must be one by now.
func (it *item) saveTask() error {
	if it.row.IsReplica() {
		return nil // its rotation is the primary's
	}
	if !it.queued {
		if it.task.Kind == Idle && it.task.Due.IsZero() && it.task.Claim.Number == 0 && !it.row.Rotation.Configured {
			return nil
		}
		it.queued = true
	}
	return it.tx.PutTask(it.task)
}

func (it *item) binding(version string) seal.Binding {
	return seal.Binding{Account: it.row.Account, Region: it.row.Region, ID: it.row.ID, Version: version}
}

// unseal opens a version's value; the error names the secret.
func (s *Store) unseal(row SecretRow, v VersionRow) (rota.Value, error) {
	if v.Kind == rota.KindNone {
		return rota.Value{}, nil
	}
	val, err := s.cfg.Sealer.Open(seal.Binding{Account: row.Account, Region: row.Region, ID: row.ID, Version: v.ID}, v.Blob)
	if err != nil {
		return rota.Value{}, nameSecret(err, row.Name)
	}
	return val, nil
}

// value is the opened value of the version that carries the label; zero if
// there is none.
func (it *item) value(l rota.Label) (rota.Value, error) {
	id := it.labels[l]
	if id == "" {
		return rota.Value{}, nil
	}
	v, ok, err := it.tx.Version(it.row.Key, id)
	if err != nil || !ok {
		return rota.Value{}, err
	}
	return it.unseal(it.row, v)
}

// sorted lists the labels of a version by name, nil if it has none.
func sorted(labels map[rota.Label]string, version string) []rota.Label {
	var out []rota.Label
	for l, v := range labels {
		if v == version {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

// stages is VersionIdsToStages, nil without labels.
func stages(labels map[rota.Label]string) map[string][]rota.Label {
	if len(labels) == 0 {
		return nil
	}
	out := map[string][]rota.Label{}
	for _, l := range slices.Sorted(maps.Keys(labels)) {
		out[labels[l]] = append(out[labels[l]], l)
	}
	return out
}

// full is the secret with its tags, labels and replicas.
func (x *session) full(row SecretRow) (rota.Secret, error) {
	s := row.Secret
	labels, err := x.tx.Labels(row.Key)
	if err != nil {
		return s, err
	}
	s.Stages = stages(labels)
	if s.Tags, err = x.tx.Tags(row.Key); err != nil {
		return s, err
	}
	s.Replicas, err = x.replicas(row)
	return s, err
}
