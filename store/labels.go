package store

import (
	"time"

	"github.com/rotahq/rota"
)

// attach puts a label on a version, off whatever version has it. What the
// move means for a running rotation is the caller's to say (leave).
func (it *item) attach(l rota.Label, version string) error {
	if it.labels[l] == version {
		return nil
	}
	from := it.labels[l]
	if err := it.tx.PutLabel(it.row.Key, l, version); err != nil {
		return err
	}
	it.labels[l] = version
	return it.tidy(from)
}

// detach takes a label off.
func (it *item) detach(l rota.Label) error {
	from, ok := it.labels[l]
	if !ok {
		return nil
	}
	if err := it.tx.DeleteLabel(it.row.Key, l); err != nil {
		return err
	}
	delete(it.labels, l)
	return it.tidy(from)
}

// tidy removes a version that has neither value nor label: an empty
// placeholder is only there for its AWSPENDING. One whose rotation runs
// stays, since its function may still fill it.
func (it *item) tidy(version string) error {
	if version == "" || it.task.Kind != Idle && it.task.Token == version || len(sorted(it.labels, version)) > 0 {
		return nil
	}
	v, ok, err := it.tx.Version(it.row.Key, version)
	if err != nil || !ok || v.Kind != rota.KindNone {
		return err
	}
	open, err := it.unended(version)
	if err != nil || open {
		return err
	}
	return it.tx.DeleteVersion(it.row.Key, version)
}

// unended says whether the ledger has a credential of the version that may be
// alive and is not there to stay.
func (it *item) unended(version string) (bool, error) {
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return false, err
	}
	for _, c := range rows {
		if c.Version == version && (c.State.Open() || c.State == rota.Intended || c.State == rota.Live) {
			return true, nil
		}
	}
	return false, nil
}

// moveCurrent puts AWSCURRENT on a version and AWSPREVIOUS on the one it
// leaves
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html).
func (it *item) moveCurrent(to string) error {
	from := it.labels[rota.Current]
	if from == to {
		return nil
	}
	if err := it.attach(rota.Current, to); err != nil {
		return err
	}
	if from != "" {
		if err := it.attach(rota.Previous, from); err != nil {
			return err
		}
	}
	if err := it.noteDead(to); err != nil {
		return err
	}
	return it.revive(to)
}

// noteDead tells the journal that AWSCURRENT was moved to a credential that
// is dead, or may be. AWS lets it be moved there, and so does rota: who does
// it may know of another one to come.
func (it *item) noteDead(version string) error {
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return err
	}
	for _, c := range rows {
		if c.Version != version || c.State != rota.ProvenDead && c.State != rota.Ending || c.Fingerprint == "" {
			continue
		}
		return it.tx.AddJournal(rota.JournalEntry{
			Secret: it.row.Key, Token: version, Step: "moved", Started: it.now, Outcome: rota.OutcomeNote,
			Cause: "AWSCURRENT was moved" + by(it.c) + " to a version whose credential is " + string(c.State),
			Next:  "nothing: rotate the secret, or move AWSCURRENT to a version that lives",
		})
	}
	return nil
}

// revive cancels the ending of a version that is AWSCURRENT (again): its
// rota-ends labels go, and its credential is live.
func (it *item) revive(version string) error {
	for _, l := range sorted(it.labels, version) {
		if rota.IsEndsLabel(l) {
			if err := it.detach(l); err != nil {
				return err
			}
		}
	}
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return err
	}
	for _, c := range rows {
		if c.Version != version || !c.State.Open() {
			continue
		}
		why := "AWSCURRENT is on its version: its ending was cancelled"
		if c.State == rota.Ending {
			why = "AWSCURRENT is on its version, but its ending had begun: it may be dead"
		}
		c.State, c.Policy = rota.Live, ""
		c.NotBefore, c.Deadline, c.Due = time.Time{}, time.Time{}, time.Time{}
		c.Attempts, c.Evidence, c.Changed = 0, why, it.now
		if err := it.tx.PutCredential(c); err != nil {
			return err
		}
	}
	return nil
}

// proofBound is how long an ending that the store began is tried before it
// counts as not proven.
const proofBound = 24 * time.Hour

// dropPending is how an attempt ends without success, whoever ends it. The
// version loses AWSPENDING. If the provider may know its credential, that is
// ended; otherwise nothing of an empty version stays. The caller sets the
// task.
func (it *item) dropPending(version string) error {
	if version == "" {
		return nil
	}
	if it.task.Token == version && it.task.Kind == Rotate {
		it.idle()
	}
	if it.labels[rota.Pending] == version {
		if err := it.tx.DeleteLabel(it.row.Key, rota.Pending); err != nil {
			return err
		}
		delete(it.labels, rota.Pending)
	}
	if it.labels[rota.Current] == version {
		return nil
	}
	rows, err := it.tx.Credentials(it.row.Key)
	if err != nil {
		return err
	}
	label, at, err := it.endsLabel(version, it.now)
	if err != nil {
		return err
	}
	ends := false
	for _, c := range rows {
		if c.Version != version || c.State != rota.Intended && c.State != rota.Live {
			continue
		}
		ends = true
		c.State, c.Policy, c.Changed = rota.Superseded, "immediately", it.now
		c.NotBefore, c.Due, c.Deadline = at, at, at.Add(proofBound)
		if err := it.tx.PutCredential(c); err != nil {
			return err
		}
	}
	if !ends {
		return it.tidy(version)
	}
	it.wake = true
	if err := it.loseEndsLabels(version, label); err != nil {
		return err
	}
	return it.attach(label, version)
}

// endsLabel is the label of an ending, and its time as the label says it, in
// whole seconds. Where another version has that label, since it holds only
// the beginning of a version id, it is a second later.
func (it *item) endsLabel(version string, at time.Time) (rota.Label, time.Time, error) {
	for {
		l := rota.EndsLabel(version, at)
		if have := it.labels[l]; have == "" || have == version {
			at, _ = rota.ParseEndsLabel(l)
			return l, at, nil
		}
		if at.IsZero() {
			return "", at, rota.E(rota.InvalidRequest, "The staging label %s is on version %s. End that one first.", l, it.labels[l])
		}
		at = at.Add(time.Second)
	}
}

// loseEndsLabels takes all ending labels off a version but one.
func (it *item) loseEndsLabels(version string, keep rota.Label) error {
	for _, l := range sorted(it.labels, version) {
		if rota.IsEndsLabel(l) && l != keep {
			if err := it.detach(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// idle forgets the attempt. The lease stays with its holder, whose next write
// finds out.
func (it *item) idle() {
	t := &it.task
	t.Kind, t.RotationToken, t.Asked, t.Attempt, t.Touched, t.Resolve = Idle, "", false, 0, false, false
	t.Started, t.Due = time.Time{}, time.Time{}
}
