package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

// counting counts commits from now on.
func (w *World) counting() func() int {
	n := 0
	w.Hooks.After = func() error { n++; return nil }
	return func() int { return n }
}

var readerChecks = []check{
	{"a reader is recorded at its first read and again when a minute has passed", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		commits := w.counting()
		for range 5 {
			w.Value("s", "", "")
			w.Clock.Advance(10 * time.Second)
		}
		if n := commits(); n != 1 {
			w.T.Errorf("five reads wrote %d times", n)
		}
		w.Clock.Advance(10 * time.Second)
		w.Value("s", "", "")
		readers, err := w.Readers(ctx, Caller, "s")
		w.Must(err)
		same2(w, []store.Reader{{Version: "v1", Principal: Caller.Principal, First: Start, Last: Start.Add(time.Minute), Grade: store.GradeFetched}}, readers)
		if n := commits(); n != 2 {
			w.T.Errorf("six reads wrote %d times", n)
		}
	}},
	{"principals, instances and versions are told apart", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		for _, c := range []rota.Caller{{Principal: "p"}, {Principal: "p", Instance: "1"}, {Principal: "q"}} {
			for _, label := range []string{"", rota.Previous} {
				_, err := w.GetSecretValue(ctx, c, store.GetSecretValueInput{SecretID: "s", VersionStage: label})
				w.Must(err)
			}
		}
		readers, err := w.Readers(ctx, Caller, "s")
		w.Must(err)
		if len(readers) != 6 {
			w.T.Errorf("there are %d readers", len(readers))
		}
	}},
	{"a reader that is new after a restart keeps its first read", func(w *World) {
		w.Create("s", "v1", "a")
		w.Value("s", "", "")
		w.Clock.Advance(time.Hour)
		w.Restart()
		w.Value("s", "", "")
		readers, err := w.Readers(w.T.Context(), Caller, "s")
		w.Must(err)
		if len(readers) != 1 || !readers[0].First.Equal(Start) || !readers[0].Last.Equal(w.Clock.Now()) {
			w.T.Errorf("the readers are %+v", readers)
		}
	}},
	{"who holds a claim is no reader", func(w *World) {
		s := w.Create("s", "v1", "a")
		c := w.Engine(s.Key, "rotate")
		_, err := w.GetSecretValue(w.T.Context(), c, store.GetSecretValueInput{SecretID: "s"})
		w.Must(err)
		readers, err := w.Readers(w.T.Context(), Caller, "s")
		w.Must(err)
		if len(readers) != 0 {
			w.T.Errorf("the readers are %+v", readers)
		}
	}},
	{"a reader whose record is due and cannot be written gets no value, any other does", func(w *World) {
		w.Create("s", "v1", "a")
		w.Hooks.Before = func() error { return errStop }
		_, err := w.GetSecretValue(w.T.Context(), Caller, store.GetSecretValueInput{SecretID: "s"})
		if !errors.Is(err, errStop) {
			w.T.Errorf("the new reader got %v", err)
		}
		w.Hooks.Before = nil
		w.Value("s", "", "")
		w.Hooks.Before = func() error { return errStop }
		w.Clock.Advance(time.Minute - time.Millisecond)
		if got := w.Value("s", "", ""); got != "a" {
			w.T.Errorf("who was recorded within the minute got %q", got)
		}
		w.Clock.Advance(time.Millisecond)
		if _, err := w.GetSecretValue(w.T.Context(), Caller, store.GetSecretValueInput{SecretID: "s"}); !errors.Is(err, errStop) {
			w.T.Errorf("who was recorded a minute ago got %v", err)
		}
	}},
	{"a reader who was recorded within the minute costs no commit, but the first of a day", func(w *World) {
		w.Create("s", "v1", "a")
		w.Value("s", "", "")
		commits := w.counting()
		w.Clock.Advance(time.Minute - time.Millisecond)
		for range 5 {
			w.Value("s", "", "")
		}
		if n := commits(); n != 0 {
			w.T.Errorf("it was %d commits", n)
		}
		midnight := Start.Truncate(24 * time.Hour).Add(24 * time.Hour)
		w.Clock.Set(midnight.Add(-time.Second))
		w.Value("s", "", "")
		w.Clock.Set(midnight)
		w.Hooks.Before = func() error { return errStop }
		if got := w.Value("s", "", ""); got != "a" { // the date of the last access is no record of a reader
			w.T.Errorf("the first read of a day, which is not recorded, got %q", got)
		}
	}},
	{"the day of the last read is of the version that was read", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", "b"))
		w.Value("s", "v1", "")
		out, err := w.ListSecretVersionIds(ctx, Caller, store.ListSecretVersionIDsInput{SecretID: "s"})
		w.Must(err)
		if out.Versions[0].Accessed.IsZero() || !out.Versions[1].Accessed.IsZero() {
			w.T.Errorf("the versions are %+v", out.Versions)
		}
	}},
}

var purgeChecks = []check{
	{"the oldest version without a label gives way to the hundred and first", func(w *World) {
		w.Create("s", "v000", "a")
		for i := 1; i < 100; i++ {
			w.Must(w.Put(Caller, "s", fmt.Sprintf("v%03d", i), "x"))
		}
		w.Clock.Advance(25 * time.Hour)
		w.Must(w.Put(Caller, "s", "v100", "x"))
		if got := w.Value("s", "v000", ""); got != "error: not found" {
			w.T.Errorf("the oldest version is %q", got)
		}
		if got := w.Value("s", "v001", ""); got != "x" {
			w.T.Errorf("the second oldest version is %q", got)
		}
	}},
	{"versions younger than a day are not purged, and then there is no room", func(w *World) {
		w.Create("s", "v000", "a")
		for i := 1; i < 100; i++ {
			w.Must(w.Put(Caller, "s", fmt.Sprintf("v%03d", i), "x"))
		}
		w.Clock.Advance(23 * time.Hour)
		w.Refused(w.Put(Caller, "s", "v100", "x"), rota.LimitExceeded)
		if got := w.Value("s", "", ""); got != "x" {
			w.T.Errorf("AWSCURRENT is %q", got)
		}
	}},
	{"a version with a label or with an open ending is not purged", func(w *World) {
		s := w.Create("s", "v000", "a")
		w.Must(w.Put(Caller, "s", "v001", "x", "mine"))
		w.Must(w.Put(Caller, "s", "v002", "x"))
		c := w.Engine(s.Key, "end")
		w.minted(c, "v000", rota.Superseded) // its label was lost
		for i := 3; i < 100; i++ {
			w.Must(w.Put(Caller, "s", fmt.Sprintf("v%03d", i), "x"))
		}
		w.Clock.Advance(25 * time.Hour)
		for i := 100; i < 103; i++ {
			w.Must(w.Put(Caller, "s", fmt.Sprintf("v%03d", i), "x"))
		}
		for id, want := range map[string]string{"v000": "a", "v001": "x", "v002": "error: not found", "v003": "error: not found", "v004": "error: not found", "v005": "x"} {
			if got := w.Value("s", id, ""); got != want {
				w.T.Errorf("%s is %q, want %q", id, got, want)
			}
		}
	}},
	{"deleted with force in an overlap the name is free, and the ending goes on out of reach", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s", ForceDeleteWithoutRecovery: true})
		w.Must(err)
		for _, id := range []string{"s", s.ARN()} {
			_, err := w.DescribeSecret(ctx, Caller, store.DescribeSecretInput{SecretID: id})
			w.Refused(err, rota.NotFound)
			_, err = w.RestoreSecret(ctx, Caller, id)
			w.Refused(err, rota.NotFound)
		}
		next := w.Create("s", "v1", "new")
		if next.ARN() == s.ARN() {
			w.T.Error("the new secret has the ARN of the old one")
		}
		w.Must(w.Purge(ctx))
		w.Must(w.SetEnding(ctx, Caller, s.ARN(), "", store.EndingChange{Hold: true})) // a person still can, by ARN
		w.Must(w.SetEnding(ctx, Caller, s.ARN(), "", store.EndingChange{Resume: true}))
		w.Clock.Advance(25 * time.Hour)
		works, err := w.Due(ctx, w.Clock.Now(), 10, nil)
		w.Must(err)
		if len(works) != 1 || works[0].Secret != s.Key || works[0].Version != "v1" {
			w.T.Fatalf("due is %+v", works)
		}
		c := w.Engine(s.Key, "end")
		got, err := w.DescribeSecret(ctx, c, store.DescribeSecretInput{SecretID: s.ARN()})
		w.Must(err)
		if got.Key != s.Key {
			w.T.Errorf("the claim describes %+v", got.Key)
		}
		out, err := w.GetSecretValue(ctx, c, store.GetSecretValueInput{SecretID: s.ARN(), VersionID: "v1"})
		w.Must(err)
		if string(out.Value.Reveal()) != "a" {
			w.T.Error("the claim reads another value")
		}
		w.Must(w.Stage(c, s.ARN(), rota.EndsLabel("v1", Start.Add(24*time.Hour)), "v1", ""))
		w.minted(c, "v1", rota.ProvenDead)
		w.Must(w.Purge(ctx)) // still claimed
		w.Must(w.Renew(ctx, c.Claim, time.Minute))
		w.Must(w.Release(ctx, c.Claim))
		w.Must(w.Purge(ctx))
		_, err = w.Task(ctx, s.Key)
		w.Refused(err, rota.NotFound)
		rows, err := w.Credentials(ctx, Caller, s.ARN())
		w.Must(err)
		if len(rows) != 2 {
			w.T.Errorf("the ledger has %d rows", len(rows))
		}
		if w.Value("s", "", "") != "new" {
			w.T.Error("the purge hit the new secret")
		}
	}},
	{"a secret whose recovery window ends in an overlap goes when the ending is over", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		w.Must(w.SetEnding(ctx, Caller, "s", "", store.EndingChange{Until: w.Clock.Now().Add(30 * 24 * time.Hour)}))
		_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s", RecoveryWindowInDays: ptr(int64(7))})
		w.Must(err)
		w.Clock.Advance(8 * 24 * time.Hour)
		w.Must(w.Purge(ctx))
		_, err = w.RestoreSecret(ctx, Caller, "s")
		w.Refused(err, rota.NotFound)
		w.Create("s", "v1", "new")
		if len(w.rows(s)) != 2 {
			w.T.Error("the ledger lost a row")
		}
		if _, err := w.Task(ctx, s.Key); err != nil {
			w.T.Errorf("the rows are gone: %v", err)
		}
		c := w.Engine(s.Key, "end")
		w.minted(c, "v1", rota.ProvenDead)
		w.Must(w.Release(ctx, c.Claim))
		w.Must(w.Purge(ctx))
		_, err = w.Task(ctx, s.Key)
		w.Refused(err, rota.NotFound)
	}},
	{"deleted with force in a rotation the minted credential is ended before the rows go", func(w *World) {
		ctx := w.T.Context()
		s, c := w.running()
		_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s", ForceDeleteWithoutRecovery: true})
		w.Must(err)
		if t := w.task(s.Key); !t.Resolve {
			w.T.Errorf("the task is %+v", t)
		}
		w.Must(w.Resolved(ctx, c))
		if r := w.row(s.Key, "v2"); r.State != rota.Superseded || r.Due.IsZero() {
			w.T.Errorf("the row is %+v", r)
		}
		w.minted(c, "v2", rota.ProvenDead)
		w.Must(w.Release(ctx, c.Claim))
		w.Must(w.Purge(ctx))
		_, err = w.Task(ctx, s.Key)
		w.Refused(err, rota.NotFound)
	}},
	{"what a deleted secret's rotation minted is ended when its recovery window is over", func(w *World) {
		ctx := w.T.Context()
		s, c := w.running()
		_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s"})
		w.Must(err)
		w.Must(w.Resolved(ctx, c))
		w.Must(w.Release(ctx, c.Claim))
		w.Clock.Advance(31 * 24 * time.Hour)
		w.Must(w.Purge(ctx))
		if r := w.row(s.Key, "v2"); r.State != rota.Superseded || !r.Due.Equal(w.Clock.Now()) {
			w.T.Errorf("the row is %+v", r)
		}
	}},
	{"restoring ends what the deleted rotation had minted", func(w *World) {
		ctx := w.T.Context()
		s, c := w.running()
		_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: "s"})
		w.Must(err)
		w.Must(w.Resolved(ctx, c))
		w.Must(w.Release(ctx, c.Claim))
		_, err = w.RestoreSecret(ctx, Caller, "s")
		w.Must(err)
		w.ends(s.Key, "v2", w.Clock.Now())
	}},
	{"one secret that cannot be purged keeps no other", func(w *World) {
		ctx := w.T.Context()
		for _, name := range []string{"a", "b"} {
			w.Create(name, "v1", "x")
			_, err := w.DeleteSecret(ctx, Caller, store.DeleteSecretInput{SecretID: name, RecoveryWindowInDays: ptr(int64(7))})
			w.Must(err)
		}
		w.Clock.Advance(8 * 24 * time.Hour)
		n := 0
		w.Hooks.Before = func() error {
			if n++; n == 1 {
				return errStop
			}
			return nil
		}
		if err := w.Purge(ctx); !errors.Is(err, errStop) {
			w.T.Errorf("the failure was swallowed: %v", err)
		}
		out, err := w.ListSecrets(ctx, Caller, store.ListSecretsInput{IncludePlannedDeletion: true})
		w.Must(err)
		if len(out.Secrets) != 1 {
			w.T.Errorf("%d secrets are left", len(out.Secrets))
		}
	}},
}

func (w *World) rows(s rota.Secret) []rota.Credential {
	w.T.Helper()
	rows, err := w.CredentialsOf(w.T.Context(), s.Key)
	w.Must(err)
	return rows
}

var errBreaks = rota.E(rota.InvalidParameter, "the rotator cannot use this")

// picky refuses values that begin with "bad" and secrets tagged bad.
func picky(s store.Setup) (store.Assignment, error) {
	if _, tagged := s.Secret.Tag("bad"); tagged || strings.HasPrefix(string(s.Current.Reveal()), "bad") {
		return store.Assignment{}, errBreaks
	}
	return store.Assignment{Lane: "lane", Capacity: 2}, nil
}

var settingChecks = []check{
	{"while rotation is on a value, a tag or an update that breaks the rotator is refused", func(w *World) {
		ctx := w.T.Context()
		s, _ := w.overlap()
		w.Functions.Rotatable = picky
		w.Refused(w.Put(Caller, "s", "v3", "bad"), rota.InvalidParameter)
		_, err := w.UpdateSecret(ctx, Caller, store.UpdateSecretInput{SecretID: "s", ClientRequestToken: "v3", Value: rota.StringValue("bad")})
		w.Refused(err, rota.InvalidParameter)
		w.Refused(w.TagResource(ctx, Caller, "s", []rota.Tag{{Key: "bad"}}), rota.InvalidParameter)
		same2(w, s, w.Describe("s"))
		w.Must(w.Put(Caller, "s", "v3", "bad", "mine")) // not AWSCURRENT
		w.Must(w.TagResource(ctx, Caller, "s", []rota.Tag{{Key: "good"}}))
		_, err = w.CancelRotateSecret(ctx, Caller, "s")
		w.Must(err)
		w.Must(w.Put(Caller, "s", "v4", "bad"))
	}},
	{"a rotation function's own value is not checked, it is tested", func(w *World) {
		s := w.Create("s", "v1", "a")
		w.Rotate("s", "v2")
		c := w.Engine(s.Key, "rotate")
		w.Functions.Rotatable = picky
		w.Must(w.Put(c, "s", "v2", "bad", rota.Pending))
	}},
	{"a function that cannot be invoked any more keeps nobody from writing", func(w *World) {
		w.overlap()
		w.Functions.Rotatable = func(store.Setup) (store.Assignment, error) {
			return store.Assignment{}, rota.E(rota.AccessDenied, "gone")
		}
		w.Must(w.Put(Caller, "s", "v3", "c"))
		_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v4"})
		w.Refused(err, rota.AccessDenied)
	}},
	{"a function that cannot be invoked is refused and nothing is saved", func(w *World) {
		before := w.Create("s", "v1", "a")
		w.Functions.Rotatable = func(store.Setup) (store.Assignment, error) {
			return store.Assignment{}, rota.E(rota.AccessDenied, "not here")
		}
		_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{SecretID: "s", ClientRequestToken: "v2", RotationLambdaARN: ptr("fn")})
		w.Refused(err, rota.AccessDenied)
		same2(w, before, w.Describe("s"))
	}},
	{"the check sees the secret as it would be, and the admin secret", func(w *World) {
		w.Create("admin", "v1", "root")
		w.Create("s", "v1", "a")
		w.Must(w.TagResource(w.T.Context(), Caller, "s", []rota.Tag{{Key: "k", Value: "v"}}))
		asked := false
		w.Functions.Rotatable = func(s store.Setup) (store.Assignment, error) {
			asked = true
			admin, v, err := s.Lookup("admin")
			w.Must(err)
			if string(v.Reveal()) != "root" || admin.VersionOf(rota.Current) != "v1" {
				w.T.Errorf("the admin secret is %+v", admin)
			}
			if _, _, err := s.Lookup("none"); !errors.Is(err, rota.NotFound) {
				w.T.Errorf("an unknown admin secret: %v", err)
			}
			if tag, _ := s.Secret.Tag("k"); tag != "v" || s.Secret.Rotation.Function != "fn" || string(s.Current.Reveal()) != "a" || s.Secret.Rotation.Metadata[0].Value != "y" {
				w.T.Errorf("the check sees %+v", s.Secret)
			}
			return store.Assignment{Lane: "l", Capacity: 3, Admin: admin.Key}, nil
		}
		_, err := w.RotateSecret(w.T.Context(), Caller, store.RotateSecretInput{
			SecretID: "s", ClientRequestToken: "v2", RotationLambdaARN: ptr("fn"), Metadata: []rota.MetadataItem{{Key: "x", Value: "y"}},
		})
		w.Must(err)
		t := w.task(w.Describe("s").Key)
		if !asked || t.Lane != "l" || t.Capacity != 3 || t.Admin != w.Describe("admin").Key {
			w.T.Errorf("the task is %+v", t)
		}
	}},
	{"a tag that no rotator knows is refused when it is set", func(w *World) {
		ctx := w.T.Context()
		w.Functions.Tag = func(key, _ string) error {
			if key == "rota:typo" {
				return errBreaks
			}
			return nil
		}
		_, err := w.CreateSecret(ctx, Caller, store.CreateSecretInput{Name: "s", ClientRequestToken: "v1", Tags: []rota.Tag{{Key: "rota:typo"}}})
		w.Refused(err, rota.InvalidParameter)
		w.Create("s", "v1", "a")
		w.Refused(w.TagResource(ctx, Caller, "s", []rota.Tag{{Key: "fine"}, {Key: "rota:typo"}}), rota.InvalidParameter)
		if tags := w.Describe("s").Tags; tags != nil {
			w.T.Errorf("the tags are %v", tags)
		}
	}},
	{"fifty tags are the most, and a key comes once", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		var tags []rota.Tag
		for i := range 50 {
			tags = append(tags, rota.Tag{Key: fmt.Sprint("k", i)})
		}
		w.Must(w.TagResource(ctx, Caller, "s", tags))
		w.Refused(w.TagResource(ctx, Caller, "s", []rota.Tag{{Key: "more"}}), rota.InvalidParameter)
		w.Refused(w.TagResource(ctx, Caller, "s", []rota.Tag{{Key: "k1"}, {Key: "k1"}}), rota.InvalidParameter)
	}},
	{"a value over 65536 bytes is refused, and one of 65536 is not", func(w *World) {
		w.Create("s", "v1", "a")
		w.Must(w.Put(Caller, "s", "v2", strings.Repeat("x", rota.MaxValueBytes)))
		w.Refused(w.Put(Caller, "s", "v3", strings.Repeat("x", rota.MaxValueBytes+1)), rota.Validation)
	}},
	{"a password has each kind of character and none that was excluded", func(w *World) {
		for range 200 {
			v, err := w.GetRandomPassword(w.T.Context(), Caller, store.GetRandomPasswordInput{PasswordLength: ptr(int64(5)), ExcludeCharacters: "abcXYZ\"'", IncludeSpace: true})
			w.Must(err)
			text := string(v.Reveal())
			if len(text) != 5 || strings.ContainsAny(text, "abcXYZ\"'") || !strings.ContainsAny(text, "0123456789") || !strings.Contains(text, " ") ||
				!strings.ContainsAny(text, "defghijklmnopqrstuvwxyz") || !strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVW") || !strings.ContainsAny(text, "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~") {
				w.T.Fatalf("a password is %q", text)
			}
		}
	}},
	{"every character can stand at every place of a password", func(w *World) {
		seen := map[[2]byte]bool{}
		for range 400 {
			v, err := w.GetRandomPassword(w.T.Context(), Caller, store.GetRandomPasswordInput{
				PasswordLength: ptr(int64(4)), ExcludeUppercase: true, ExcludeLowercase: true, ExcludeCharacters: "2345678901!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|~",
				ExcludeNumbers: false, RequireEachIncludedType: ptr(false), IncludeSpace: true,
			})
			w.Must(err)
			for i, b := range v.Reveal() {
				seen[[2]byte{byte(i), b}] = true
			}
		}
		if len(seen) != 8 { // "}" and " ", at four places
			w.T.Errorf("seen are %v", seen)
		}
	}},
}

var listChecks = []check{
	{"a page token goes on after a restart", func(w *World) {
		ctx := w.T.Context()
		for i := range 5 {
			w.Create(fmt.Sprint("s", i), "v1", "a")
		}
		first, err := w.ListSecrets(ctx, Caller, store.ListSecretsInput{MaxResults: 3})
		w.Must(err)
		w.Restart()
		second, err := w.ListSecrets(ctx, Caller, store.ListSecretsInput{MaxResults: 3, NextToken: first.NextToken})
		w.Must(err)
		if len(first.Secrets) != 3 || len(second.Secrets) != 2 || second.NextToken != "" {
			w.T.Errorf("the pages have %d and %d secrets", len(first.Secrets), len(second.Secrets))
		}
	}},
	{"a page token with any bit changed is refused", func(w *World) {
		ctx := w.T.Context()
		w.Create("a", "v1", "a")
		w.Create("b", "v1", "a")
		out, err := w.ListSecrets(ctx, Caller, store.ListSecretsInput{MaxResults: 1})
		w.Must(err)
		for i := range out.NextToken {
			b := []byte(out.NextToken)
			b[i] ^= 1
			_, err := w.ListSecrets(ctx, Caller, store.ListSecretsInput{MaxResults: 1, NextToken: string(b)})
			w.Refused(err, rota.InvalidNextToken)
		}
	}},
	{"the pages of a filtered list miss nothing and repeat nothing", func(w *World) {
		ctx := w.T.Context()
		for i := range 230 {
			kind := []string{"app", "web"}[i%2]
			_, err := w.CreateSecret(ctx, Caller, store.CreateSecretInput{Name: fmt.Sprintf("%s/%03d", kind, i), ClientRequestToken: "v1"})
			w.Must(err)
		}
		seen := map[string]int{}
		in := store.ListSecretsInput{MaxResults: 7, Filters: []store.Filter{{Key: "name", Values: []string{"app/"}}}}
		for {
			out, err := w.ListSecrets(ctx, Caller, in)
			w.Must(err)
			for _, s := range out.Secrets {
				seen[s.Name]++
			}
			if in.NextToken = out.NextToken; in.NextToken == "" {
				break
			}
		}
		if len(seen) != 115 {
			w.T.Errorf("listed are %d secrets", len(seen))
		}
		for name, n := range seen {
			if n != 1 || !strings.HasPrefix(name, "app/") {
				w.T.Errorf("%s was listed %d times", name, n)
			}
		}
	}},
	{"a filter that an index answers lists what a look at every secret does", func(w *World) {
		ctx := w.T.Context()
		w.Must(w.Hooks.Update(ctx, func(tx store.Tx) error { // more than one call looks at
			for i := range 5100 {
				s := secretRow(fmt.Sprintf("id-%04d", i*37%5100), fmt.Sprintf("app/%04d", i), "AbCdEf")
				s.Created, s.Changed = Start.Add(time.Duration(i%7)*time.Hour), Start.Add(-time.Duration(i)*time.Second)
				if i%2 == 0 {
					s.DeletionDate = Start
				}
				if err := errors.Join(tx.PutSecret(s), tx.PutTags(s.Key, []rota.Tag{{Key: "n", Value: fmt.Sprint(i % 100)}})); err != nil {
					return err
				}
			}
			return nil
		}))
		all := func(in store.ListSecretsInput) (names []string) {
			for {
				out, err := w.ListSecrets(ctx, Caller, in)
				w.Must(err)
				for _, s := range out.Secrets {
					names = append(names, s.Name)
				}
				if in.NextToken = out.NextToken; in.NextToken == "" {
					return names
				}
			}
		}
		if n := len(all(store.ListSecretsInput{Filters: []store.Filter{{Key: "name", Values: []string{"app/"}}}, IncludePlannedDeletion: true})); n != 5100 {
			w.T.Errorf("of all secrets %d are listed", n)
		}
		for key, value := range map[string]string{"name": "app/00", "tag-value": "7"} {
			for _, order := range []store.SecretOrder{store.ByCreated, store.ByChanged, store.ByName} {
				for _, in := range []store.ListSecretsInput{{MaxResults: 9}, {Descending: true}, {MaxResults: 50, IncludePlannedDeletion: true}} {
					in.SortBy = order
					in.Filters = []store.Filter{{Key: key, Values: []string{value, value}}}
					fast := all(in)
					in.Filters[0].Values = []string{value, "!"} // no index knows what a value is not
					if slow := all(in); len(fast) < 50 || !slices.Equal(fast, slow) {
						w.T.Errorf("%s %s, %+v: by index %q, by looking %q", key, value, in, fast, slow)
					}
				}
			}
		}
	}},
	{"the overview has every secret with its task and its open endings", func(w *World) {
		w.overlap()
		w.Create("a", "v1", "x")
		list, err := w.Overview(w.T.Context(), Caller)
		w.Must(err)
		if len(list) != 2 || list[0].Secret.Name != "a" || list[0].Task.Name != "a" || len(list[1].Open) != 1 || list[1].Task.Due.IsZero() {
			w.T.Errorf("the overview is %+v", list)
		}
	}},
	{"the journal comes in pages, newest first", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		for i := range 5 {
			w.Must(w.Journal(ctx, Caller, rota.JournalEntry{Secret: s.Key, Attempt: i, Started: Start, Outcome: rota.OutcomeNote}))
		}
		var got []int
		before := int64(0)
		for {
			page, err := w.JournalOf(ctx, Caller, "s", 2, before)
			w.Must(err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got, before = append(got, e.Attempt), e.Seq
			}
		}
		same2(w, []int{4, 3, 2, 1, 0}, got)
	}},
}
