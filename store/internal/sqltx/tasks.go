package sqltx

import (
	"fmt"
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var tasks = newTable("tasks", 3, `account region secret kind token rotation_token cause asked attempt started touched resolve last_error
	due lane capacity admin_account admin_region admin_id
	claim_number claim_owner claim_use claim_until claim_admin_account claim_admin_region claim_admin_id`)

var (
	selectTask = "SELECT " + tasks.columns("t") + ", s.name, s.suffix FROM tasks t JOIN secrets s ON s.account = t.account AND s.region = t.region AND s.id = t.secret "
	putTask    = tasks.upsert()
)

func scanTask(row scanner) (t store.Task, err error) {
	k, c := &t.Secret, &t.Claim
	s := rota.Secret{}
	err = row.Scan(
		&k.Account, &k.Region, &k.ID, &t.Kind, &t.Token, &t.RotationToken, &t.Cause, asFlag{&t.Asked}, &t.Attempt, asTime{&t.Started},
		asFlag{&t.Touched}, asFlag{&t.Resolve}, &t.LastError,
		asTime{&t.Due}, &t.Lane, &t.Capacity, &t.Admin.Account, &t.Admin.Region, &t.Admin.ID,
		&c.Number, &c.Owner, &c.Use, asTime{&c.Until}, &c.Admin.Account, &c.Admin.Region, &c.Admin.ID,
		&s.Name, &s.Suffix,
	)
	s.Key = t.Secret
	t.Name, t.ARN = s.Name, s.ARN()
	return t, err
}

// Task reads the rotation row of a secret.
func (t *Tx) Task(k rota.Key) (store.Task, bool, error) {
	return one(t, scanTask, selectTask+"WHERE t.account = $1 AND t.region = $2 AND t.secret = $3", k.Account, k.Region, k.ID)
}

// PutTask writes it.
func (t *Tx) PutTask(r store.Task) error {
	k, c := r.Secret, r.Claim
	return t.exec(putTask,
		k.Account, k.Region, k.ID, string(r.Kind), r.Token, r.RotationToken, r.Cause, flag(r.Asked), r.Attempt, Milli(r.Started),
		flag(r.Touched), flag(r.Resolve), r.LastError,
		Milli(r.Due), r.Lane, r.Capacity, r.Admin.Account, r.Admin.Region, r.Admin.ID,
		c.Number, c.Owner, c.Use, Milli(c.Until), c.Admin.Account, c.Admin.Region, c.Admin.ID,
	)
}

// BusyTasks lists what a former process may have left.
func (t *Tx) BusyTasks() ([]store.Task, error) {
	return all(t, scanTask, selectTask+"WHERE t.kind <> '' OR t.claim_owner <> ''")
}

// LeaseOn finds an active lease that uses the admin secret.
func (t *Tx) LeaseOn(admin rota.Key, now time.Time) (store.Task, bool, error) {
	return one(t, scanTask, selectTask+`WHERE t.claim_admin_id = $1 AND t.claim_admin_id <> '' AND t.claim_until > $2
		AND t.claim_admin_account = $3 AND t.claim_admin_region = $4 AND t.claim_owner <> '' LIMIT 1`,
		admin.ID, Milli(now), admin.Account, admin.Region)
}

// IdleBefore lists overdue starts.
func (t *Tx) IdleBefore(before time.Time) ([]store.Task, error) {
	return all(t, scanTask, selectTask+"WHERE t.due > 0 AND t.due < $1 AND t.kind = '' ORDER BY t.due, t.secret", Milli(before))
}

// Postponed lists starts that wait for longer than was planned.
func (t *Tx) Postponed() ([]store.Task, error) {
	return all(t, scanTask, selectTask+"WHERE t.due > 0 AND t.due > s.start AND s.start > 0 AND t.kind = '' ORDER BY t.due, t.secret")
}

// Due lists what is due.
func (t *Tx) Due(now time.Time, limit int, skipLanes []string) ([]store.Work, error) {
	args := []any{Milli(now), limit}
	notIn := ""
	if len(skipLanes) > 0 {
		notIn = " NOT IN (" + params(3, len(skipLanes)) + ")"
		for _, l := range skipLanes {
			args = append(args, l)
		}
	}
	skip := func(column string) string {
		if notIn == "" {
			return ""
		}
		return " AND " + column + notIn
	}
	scan := func(row scanner) (w store.Work, err error) {
		k := &w.Secret
		err = row.Scan(&k.Account, &k.Region, &k.ID, &w.Lane, asTime{&w.Due}, &w.Version, &w.Credential)
		return w, err
	}
	starts, err := all(t, scan, `SELECT account, region, secret, lane, due, '', '' FROM tasks
		WHERE due > 0 AND due <= $1 AND claim_until <= $1`+skip("lane")+" ORDER BY due LIMIT $2", args...)
	if err != nil {
		return nil, err
	}
	// What would be ended is not due while it is the current one: finishSecret
	// writes the intent before it moves AWSCURRENT.
	ends, err := all(t, scan, `SELECT c.account, c.region, c.secret, c.lane, c.due, c.version, c.id FROM credentials c
		WHERE c.due > 0 AND c.due <= $1`+skip("c.lane")+fmt.Sprintf(`
		AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.account = c.account AND t.region = c.region AND t.secret = c.secret AND t.claim_until > $1)
		AND NOT EXISTS (SELECT 1 FROM labels l WHERE l.account = c.account AND l.region = c.region AND l.secret = c.secret
			AND l.label = '%s' AND l.version = c.version) ORDER BY c.due LIMIT $2`, rota.Current), args...)
	if err != nil {
		return nil, err
	}
	works := append(starts, ends...)
	slices.SortStableFunc(works, func(a, b store.Work) int { return a.Due.Compare(b.Due) })
	return works[:min(len(works), limit)], nil
}

// NextDue is the earliest due time.
func (t *Tx) NextDue() (time.Time, error) {
	var next time.Time
	for _, table := range []string{"tasks", "credentials"} {
		scan := func(row scanner) (at time.Time, err error) {
			err = row.Scan(asTime{&at})
			return at, err
		}
		at, ok, err := one(t, scan, "SELECT due FROM "+table+" WHERE due > 0 ORDER BY due LIMIT 1")
		if err != nil {
			return time.Time{}, err
		}
		if ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}
