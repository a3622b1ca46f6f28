package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var key = rota.Key{Account: Account, Region: Region, ID: "id-1"}

func secretRow(id, name, suffix string) store.SecretRow {
	return store.SecretRow{Secret: rota.Secret{
		Key: rota.Key{Account: Account, Region: Region, ID: id}, Name: name, Suffix: suffix, Created: Start, Changed: Start,
	}}
}

// rows are the checks of a driver alone.
func rows(t *testing.T, open Open) {
	for _, c := range []struct {
		guards string
		check  func(t *testing.T, d store.Driver)
	}{
		{"every column of a secret comes back", everyColumnOfASecret},
		{"every column of a version, a task and a credential comes back", everyColumnOfTheRest},
		{"the same rows in another region are others", otherRegion},
		{"the regions of a secret come back in the order they were added, and are its own", replicaRows},
		{"a policy is one text of one secret, and goes with it", policyRows},
		{"every column of a principal, its policies and its keys comes back, and they go with it", principalRows},
		{"a principal's name is used once, and a key is somebody's", uniquePrincipal},
		{"every column of a function comes back, and of its region only", functionRows},
		{"a transaction that fails has written nothing", failedTransaction},
		{"a panic in a transaction writes nothing and frees the database", panicInTransaction},
		{"one transaction has one time", oneTime},
		{"a name is used once among secrets that are not gone", uniqueName},
		{"a label sits on one version", oneVersionPerLabel},
		{"secrets are found by how a name or a tag begins, and not if they are too many", secretsWith},
		{"the outbox keeps the order, and uses no number twice", outboxRows},
		{"the hot read agrees with the rows", hotRead},
		{"the hot read never goes back, and is not older than the last commit", hotReadIsNew},
		{"writers do not lose each other's writes", writers},
		{"a reader sees one state while others write", oneState},
		{"a caller who gave up before its turn writes nothing", givenUp},
	} {
		t.Run(c.guards, func(t *testing.T) {
			d := open(t, t.TempDir(), NewClock().Now)
			defer d.Close() //nolint:errcheck // the test is over
			c.check(t, d)
		})
	}
}

func update(t *testing.T, d store.Driver, f func(store.Tx) error) {
	t.Helper()
	if err := d.Update(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, d store.Driver, f func(store.Tx) error) {
	t.Helper()
	if err := d.View(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func secretsWith(t *testing.T, d store.Driver) {
	type row struct {
		id, name   string
		tags       []rota.Tag
		gone, dead bool
		region     string
	}
	update(t, d, func(tx store.Tx) error {
		for i, r := range []row{
			{id: "1", name: "app/b", tags: []rota.Tag{{Key: "team", Value: "red"}, {Key: "tea", Value: "green"}}},
			{id: "2", name: "app/a", tags: []rota.Tag{{Key: "Team", Value: "rec"}}},
			{id: "3", name: "app0"},
			{id: "4", name: "apo", tags: []rota.Tag{{Key: "x", Value: "re\ue000"}}},
			{id: "5", name: "app/deleted", dead: true, tags: []rota.Tag{{Key: "team", Value: "red"}}},
			{id: "6", name: "app/gone", gone: true, tags: []rota.Tag{{Key: "team", Value: "red"}}},
			{id: "7", name: "app/there", region: There, tags: []rota.Tag{{Key: "team", Value: "red"}}},
		} {
			s := secretRow(r.id, r.name, "AbCdEf")
			s.Created, s.Changed = Start.Add(time.Duration(i)*time.Second), Start.Add(time.Duration(i)*time.Hour)
			if r.region != "" {
				s.Region = r.region
			}
			if r.dead || r.gone {
				s.DeletionDate = Start
			}
			if r.gone {
				s.Gone = Start
			}
			if err := errors.Join(tx.PutSecret(s), tx.PutTags(s.Key, r.tags)); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		of, any string
		deleted bool
		most    int
		want    string
	}{
		{store.PrefixOfName, "app/", false, 4, "1 2"},
		{store.PrefixOfName, "app/", true, 4, "1 2 5"},
		{store.PrefixOfName, "app/", true, 2, "too many"},
		{store.PrefixOfName, "app/a", false, 4, "2"},
		{store.PrefixOfName, "apo app/b", false, 2, "1 4"},
		{store.PrefixOfName, "apo app/b", false, 1, "too many"},
		{store.PrefixOfName, "b", false, 4, ""},
		{store.PrefixOfName, "app/'", false, 4, ""},
		{store.PrefixOfTagKey, "tea", false, 4, "1"},
		{store.PrefixOfTagKey, "tea", true, 4, "1 5"},
		{store.PrefixOfTagKey, "Tea", false, 4, "2"},
		{store.PrefixOfTagValue, "re", false, 5, "1 2 4"},
		{store.PrefixOfTagValue, "re", false, 2, "too many"},
		{store.PrefixOfTagValue, "re\ud7ff", false, 5, ""},
		{store.PrefixOfTagValue, "re\ue000", false, 5, "4"},
	} {
		for _, order := range []store.SecretOrder{store.ByCreated, store.ByChanged, store.ByName} {
			q := store.SecretsQuery{Account: Account, Region: Region, Order: order, Deleted: c.deleted}
			got := []string{}
			view(t, d, func(tx store.Tx) error {
				places, ok, err := tx.SecretsWith(q, store.Prefixes{Of: c.of, Any: strings.Fields(c.any)}, c.most)
				if !ok {
					got = []string{"too many"}
					return err
				}
				got = []string{}
				for _, p := range places {
					s, _, err := tx.Secret(rota.Key{Account: Account, Region: Region, ID: p.ID})
					if err != nil {
						return err
					}
					same(t, q.CursorOf(s), p)
					got = append(got, p.ID)
				}
				slices.Sort(got)
				return nil
			})
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s %q by %s, at most %d: %q, want %q", c.of, c.any, order, c.most, got, c.want)
			}
		}
	}
}

func everyColumnOfASecret(t *testing.T, d store.Driver) {
	at := func(n int) time.Time { return Start.Add(time.Duration(n) * time.Millisecond) }
	s := store.SecretRow{
		Secret: rota.Secret{
			Key: key, Name: "app/db", Suffix: "AbCdEf", Description: "d é", KMSKeyID: "alias/x", Type: "T",
			Created: at(1), Changed: at(2), Accessed: at(3), DeletionDate: at(4), EverTagged: true, PrimaryRegion: There,
			Rotation: rota.Rotation{
				Configured: true, Enabled: true, Function: "fn", Rules: rota.Rules{AfterDays: 3, Expression: "e", Duration: "2h"},
				Metadata: []rota.MetadataItem{{Key: "k", Value: "v"}, {Key: "a", Value: "\""}}, RoleARN: "role", Last: at(5), Next: at(6),
			},
		},
		CreateToken: "t", Anchor: at(7), Start: at(8), Gone: at(9),
	}
	plain := secretRow("id-2", "app/other", "AbCdEf")
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.PutSecret(secretRow("id-1", "old", "AbCdEf")), tx.PutSecret(s), tx.PutSecret(plain))
	})
	view(t, d, func(tx store.Tx) error {
		for _, want := range []store.SecretRow{s, plain} {
			got, ok, err := tx.Secret(want.Key)
			if err != nil || !ok {
				t.Fatalf("%v %v", ok, err)
			}
			same(t, want, got)
		}
		if _, ok, err := tx.SecretByName(Account, Region, "app/db"); ok || err != nil {
			t.Errorf("a secret that is gone has a name: %v", err)
		}
		if got, ok, err := tx.SecretByARN(Account, Region, "app/db", "AbCdEf"); !ok || err != nil || got.ID != "id-1" {
			t.Errorf("a secret that is gone has no ARN: %v", err)
		}
		_, ok, err := tx.Secret(rota.Key{Account: Account, Region: Region, ID: "none"})
		if ok {
			t.Error("there is a secret that nobody put")
		}
		return err
	})
}

func everyColumnOfTheRest(t *testing.T, d store.Driver) {
	at := func(n int) time.Time { return Start.Add(time.Duration(n) * time.Millisecond) }
	v := store.VersionRow{Secret: key, Seq: 7, Version: rota.Version{ID: "v", Created: at(1), Accessed: at(2), Kind: rota.KindBinary, KMSKeyID: "k", SealKey: "s"}, Blob: []byte{0, 1, 255}}
	admin := rota.Key{Account: "a", Region: "r", ID: "i"}
	task := store.Task{
		Secret: key, Name: "app/db", ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app/db-AbCdEf",
		Kind: store.Rotate, Token: "tok", RotationToken: "rt", Cause: "c", Asked: true, Attempt: 2, Started: at(3), Touched: true, Resolve: true, LastError: "e",
		Due: at(4), Lane: "l", Capacity: 2, Admin: admin, Claim: store.Lease{Number: 5, Owner: "o", Use: "rotate", Until: at(6), Admin: admin},
	}
	cred := rota.Credential{
		ID: "c", Secret: key, SecretARN: task.ARN, Version: "v", Rotator: "r", Provider: "p", Principal: "u", ProviderID: "id", Fingerprint: "f",
		Metadata: map[string]string{"a": "b"}, State: rota.Held, Lane: "l", Policy: "p", NotBefore: at(7), Deadline: at(8), Due: at(9), Attempts: 3, Evidence: "e",
		Created: at(10), Changed: at(11),
	}
	entry := rota.JournalEntry{Secret: key, Token: "t", Claim: 1, Attempt: 2, Step: "s", Started: at(1), Duration: 1500 * time.Microsecond, Outcome: "ok", Cause: "c", Next: "n"}
	reader := store.Reader{Version: "v", Principal: "p", Instance: "i", First: at(1), Last: at(2), Grade: store.GradeFetched}
	stone := store.Tombstone{Key: key, Name: "app/db", Suffix: "AbCdEf", Created: at(1), Deleted: at(2), Purged: at(3)}
	update(t, d, func(tx store.Tx) error {
		return errors.Join(
			tx.PutSecret(secretRow("id-1", "app/db", "AbCdEf")), tx.PutVersion(v), tx.PutTask(task), tx.PutCredential(cred), tx.AddJournal(entry), tx.AddJournal(entry),
			tx.PutReader(key, reader), tx.PutTombstone(stone), tx.PutMeta("m", []byte{1}), tx.PutProviderCheck(Account, Region, "host", true),
			tx.PutTags(key, []rota.Tag{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}}),
		)
	})
	view(t, d, func(tx store.Tx) error {
		gotV, _, err1 := tx.Version(key, "v")
		same(t, v, gotV)
		gotT, _, err2 := tx.Task(key)
		same(t, task, gotT)
		gotC, err3 := tx.Credentials(key)
		same(t, []rota.Credential{cred}, gotC)
		byARN, err4 := tx.CredentialsByARN(task.ARN)
		same(t, []rota.Credential{cred}, byARN)
		gotJ, err5 := tx.Journal(key, 10, 0)
		if len(gotJ) != 2 || gotJ[0].Seq <= gotJ[1].Seq {
			t.Fatalf("the journal is not newest first: %v", gotJ)
		}
		older, err6 := tx.Journal(key, 10, gotJ[0].Seq)
		same(t, gotJ[1:], older)
		entry.Seq = gotJ[0].Seq
		same(t, entry, gotJ[0])
		gotR, err7 := tx.Readers(key)
		same(t, []store.Reader{reader}, gotR)
		gotS, _, err8 := tx.TombstoneByARN(Account, Region, "app/db", "AbCdEf")
		same(t, stone, gotS)
		meta, err9 := tx.Meta("m")
		same(t, []byte{1}, meta)
		none, err10 := tx.Meta("none")
		same(t, []byte(nil), none)
		checks, known, err11 := tx.ProviderCheck(Account, Region, "host")
		same(t, []bool{true, true}, []bool{checks, known})
		tags, err12 := tx.Tags(key)
		same(t, []rota.Tag{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}}, tags)
		return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11, err12)
	})
	update(t, d, func(tx store.Tx) error { return tx.DeleteSecret(key) })
	view(t, d, func(tx store.Tx) error {
		list, err := tx.Credentials(key)
		if len(list) != 1 {
			t.Error("the ledger went with the secret")
		}
		entries, err2 := tx.Journal(key, 1, 0)
		if len(entries) != 1 {
			t.Error("the journal went with the secret")
		}
		return errors.Join(err, err2)
	})
}

func otherRegion(t *testing.T, d store.Driver) {
	there := key
	there.Region = "us-east-1"
	replica := secretRow("id-1", "app/db", "AbCdEf")
	replica.Key = there
	update(t, d, func(tx store.Tx) error {
		return errors.Join(
			tx.PutSecret(secretRow("id-1", "app/db", "AbCdEf")), tx.PutSecret(replica),
			tx.PutVersion(store.VersionRow{Secret: key, Version: rota.Version{ID: "v"}, Blob: []byte("here")}),
			tx.PutVersion(store.VersionRow{Secret: there, Version: rota.Version{ID: "v"}, Blob: []byte("there")}),
			tx.PutLabel(key, rota.Current, "v"),
		)
	})
	view(t, d, func(tx store.Tx) error {
		v, _, err := tx.Version(there, "v")
		same(t, "there", string(v.Blob))
		labels, err2 := tx.Labels(there)
		same(t, map[string]string{}, labels)
		return errors.Join(err, err2)
	})
}

var errStop = errors.New("stop")

func failedTransaction(t *testing.T, d store.Driver) {
	err := d.Update(context.Background(), func(tx store.Tx) error {
		if err := tx.PutSecret(secretRow("id-1", "a", "AbCdEf")); err != nil {
			return err
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatalf("the error did not come out: %v", err)
	}
	mustBeEmpty(t, d)
}

func mustBeEmpty(t *testing.T, d store.Driver) {
	t.Helper()
	view(t, d, func(tx store.Tx) error {
		_, ok, err := tx.Secret(key)
		if ok {
			t.Error("the secret was written")
		}
		return err
	})
}

func panicInTransaction(t *testing.T, d store.Driver) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = d.Update(context.Background(), func(tx store.Tx) error {
			if err := tx.PutSecret(secretRow("id-1", "a", "AbCdEf")); err != nil {
				return err
			}
			panic("stop")
		})
	}()
	mustBeEmpty(t, d)
	update(t, d, func(tx store.Tx) error { return tx.PutSecret(secretRow("id-1", "a", "AbCdEf")) })
}

func oneTime(t *testing.T, d store.Driver) {
	update(t, d, func(tx store.Tx) error {
		first := tx.Now()
		if !first.Equal(tx.Now()) || first != first.UTC().Truncate(time.Millisecond) {
			t.Errorf("the time is %v, then %v", first, tx.Now())
		}
		return nil
	})
}

func uniqueName(t *testing.T, d store.Driver) {
	gone := secretRow("id-1", "a", "AAAAAA")
	gone.Gone = Start
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.PutSecret(gone), tx.PutSecret(secretRow("id-2", "a", "BBBBBB")))
	})
	err := d.Update(context.Background(), func(tx store.Tx) error { return tx.PutSecret(secretRow("id-3", "a", "CCCCCC")) })
	if err == nil {
		t.Error("two secrets have one name")
	}
}

func oneVersionPerLabel(t *testing.T, d store.Driver) {
	update(t, d, func(tx store.Tx) error {
		err := tx.PutSecret(secretRow("id-1", "a", "AbCdEf"))
		for _, id := range []string{"v1", "v2"} {
			err = errors.Join(err, tx.PutVersion(store.VersionRow{Secret: key, Version: rota.Version{ID: id}}), tx.PutLabel(key, "x", id))
		}
		return err
	})
	view(t, d, func(tx store.Tx) error {
		labels, err := tx.Labels(key)
		same(t, map[string]string{"x": "v2"}, labels)
		list, err2 := tx.Versions(key)
		if len(list) != 2 || list[0].ID != "v1" || list[0].Seq >= list[1].Seq {
			t.Errorf("versions are not in order: %v", list)
		}
		return errors.Join(err, err2)
	})
	err := d.Update(context.Background(), func(tx store.Tx) error { return tx.PutLabel(key, "y", "none") })
	if err == nil {
		t.Error("a label is on a version that is not there")
	}
}

func hotRead(t *testing.T, d store.Driver) {
	ctx := context.Background()
	q := store.FetchQuery{Account: Account, Region: Region, Name: "a", Label: rota.Current}
	none := func(why string, q store.FetchQuery) {
		t.Helper()
		if _, ok, err := d.Fetch(ctx, q); ok || err != nil {
			t.Errorf("%s: %v %v", why, ok, err)
		}
	}
	none("an empty database", q)
	s := secretRow("id-1", "a", "AbCdEf")
	s.Accessed = Start
	v := store.VersionRow{Secret: key, Version: rota.Version{ID: "v", Created: Start, Kind: rota.KindString}, Blob: []byte("sealed")}
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.PutSecret(s), tx.PutVersion(v), tx.PutLabel(key, rota.Current, "v"), tx.PutLabel(key, "x,y", "v"))
	})
	got, ok, err := d.Fetch(ctx, q)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if len(got.Labels) == 2 && got.Labels[0] != rota.Current {
		got.Labels[0], got.Labels[1] = got.Labels[1], got.Labels[0]
	}
	same(t, store.Fetched{
		Key: key, Name: "a", Suffix: "AbCdEf", SecretAccessed: Start, Version: "v", Kind: rota.KindString, Created: Start,
		Labels: []string{rota.Current, "x,y"}, Blob: []byte("sealed"),
	}, got)
	with := func(f func(*store.FetchQuery)) store.FetchQuery { c := q; f(&c); return c }
	none("another suffix", with(func(q *store.FetchQuery) { q.Suffix = "ZZZZZZ" }))
	none("another region", with(func(q *store.FetchQuery) { q.Region = "us-east-1" }))
	none("another label", with(func(q *store.FetchQuery) { q.Label = "z" }))
	hotAccess(t, d, q, s)
	s.DeletionDate = Start
	update(t, d, func(tx store.Tx) error { return tx.PutSecret(s) })
	if got, ok, err := d.Fetch(ctx, q); err != nil || !ok || !got.Deleted {
		t.Errorf("a deleted secret: %v %v %v", got.Deleted, ok, err)
	}
	s.Gone = Start
	update(t, d, func(tx store.Tx) error { return tx.PutSecret(s) })
	none("a secret that is gone", q)
}

// hotAccess: what decides who may read comes with the value, whatever is in
// the tags.
func hotAccess(t *testing.T, d store.Driver, q store.FetchQuery, s store.SecretRow) {
	tags := []rota.Tag{{Key: "team", Value: "a"}, {Key: "1:", Value: "2:b3:"}, {Key: "é\x1f", Value: ""}, {Key: "", Value: "no\x00thing\n"}}
	s.Type, s.Rotation.Function, s.PrimaryRegion = "SomePartner", "arn:aws:lambda:r:1:function:f", "there"
	update(t, d, func(tx store.Tx) error {
		other := s.Key
		other.ID += "-other"
		return errors.Join(tx.PutSecret(s), tx.PutTags(s.Key, tags), tx.PutPolicy(s.Key, "{}"), tx.PutTags(other, tags[:1]), tx.PutPolicy(other, "no"))
	})
	got, ok, err := d.Fetch(context.Background(), q)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	slices.SortFunc(got.Tags, func(a, b rota.Tag) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(tags, func(a, b rota.Tag) int { return strings.Compare(a.Key, b.Key) })
	same(t, store.Fetched{Type: "SomePartner", Function: s.Rotation.Function, PrimaryRegion: "there", Tags: tags, Policy: "{}"},
		store.Fetched{Type: got.Type, Function: got.Function, PrimaryRegion: got.PrimaryRegion, Tags: got.Tags, Policy: got.Policy})
	update(t, d, func(tx store.Tx) error {
		return errors.Join(tx.PutTags(s.Key, nil), tx.PutPolicy(s.Key, ""))
	})
	if got, _, err := d.Fetch(context.Background(), q); err != nil || got.Tags != nil || got.Policy != "" {
		t.Errorf("without tags and policy: %v %q %v", got.Tags, got.Policy, err)
	}
}

func hotReadIsNew(t *testing.T, d store.Driver) {
	const last = 300
	q := store.FetchQuery{Account: Account, Region: Region, Name: "a", Label: rota.Current}
	put := func(n uint32) {
		v := store.VersionRow{Secret: key, Version: rota.Version{ID: "v", Created: Start, Kind: rota.KindString}, Blob: binary.BigEndian.AppendUint32(nil, n)}
		update(t, d, func(tx store.Tx) error { return tx.PutVersion(v) })
	}
	update(t, d, func(tx store.Tx) error { return tx.PutSecret(secretRow("id-1", "a", "AbCdEf")) })
	put(0)
	update(t, d, func(tx store.Tx) error { return tx.PutLabel(key, rota.Current, "v") })
	var written atomic.Uint32 // what was committed for certain
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			seen := uint32(0)
			for seen < last {
				before := written.Load()
				got, ok, err := d.Fetch(context.Background(), q)
				if err != nil || !ok {
					t.Error(ok, err)
					return
				}
				now := binary.BigEndian.Uint32(got.Blob)
				if now < seen || now < before {
					t.Errorf("read %d after %d was read and %d written", now, seen, before)
					return
				}
				seen = now
			}
		})
	}
	for n := uint32(1); n <= last; n++ {
		put(n)
		written.Store(n)
		if n%10 == 0 { // what is written is not always what is read
			failed := errors.New("no")
			if err := d.Update(context.Background(), func(tx store.Tx) error {
				return errors.Join(tx.PutMeta("x", nil), failed)
			}); !errors.Is(err, failed) {
				t.Error(err)
			}
		}
	}
	wg.Wait()
}

func writers(t *testing.T, d store.Driver) {
	const n, each = 8, 20
	update(t, d, func(tx store.Tx) error { return tx.PutMeta("n", []byte{0}) })
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for range each {
				if err := d.Update(context.Background(), func(tx store.Tx) error {
					v, err := tx.Meta("n")
					if err != nil {
						return err
					}
					return tx.PutMeta("n", []byte{v[0] + 1})
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	view(t, d, func(tx store.Tx) error {
		v, err := tx.Meta("n")
		same(t, []byte{n * each}, v)
		return err
	})
}

func oneState(t *testing.T, d store.Driver) {
	put := func(v byte) {
		update(t, d, func(tx store.Tx) error { return errors.Join(tx.PutMeta("a", []byte{v}), tx.PutMeta("b", []byte{v})) })
	}
	put(1)
	view(t, d, func(tx store.Tx) error {
		a, err := tx.Meta("a")
		if err != nil {
			return err
		}
		done := make(chan struct{})
		go func() { defer close(done); put(2) }()
		<-done
		b, err := tx.Meta("b")
		same(t, a, b)
		return err
	})
}

func givenUp(t *testing.T, d store.Driver) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := d.Update(ctx, func(tx store.Tx) error { return tx.PutSecret(secretRow("id-1", "a", "AbCdEf")) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	mustBeEmpty(t, d)
}
