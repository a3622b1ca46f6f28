package storetest

import (
	"errors"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
)

var togetherChecks = []check{
	{"what is updated together is one commit, and each part sees those before it", func(w *World) {
		ctx := w.T.Context()
		s := w.Create("s", "v1", "a")
		commits := w.counting()
		w.Must(w.Update(ctx, "several things", func(st *store.Store) error {
			if _, err := st.PutSecretValue(ctx, Caller, store.PutSecretValueInput{SecretID: "s", ClientRequestToken: "v2", Value: rota.StringValue("b")}); err != nil {
				return err
			}
			got, err := st.DescribeSecret(ctx, Caller, store.DescribeSecretInput{SecretID: "s"})
			if err != nil {
				return err
			}
			if now := got.VersionOf(rota.Current); now != "v2" {
				w.T.Errorf("within, AWSCURRENT is %s", now)
			}
			claim, _, err := st.Claim(ctx, Caller, store.ClaimRequest{Secret: s.Key, Owner: "node", For: time.Minute})
			if err != nil {
				return err
			}
			return st.Release(ctx, claim)
		}))
		if n := commits(); n != 1 {
			w.T.Errorf("it was %d commits", n)
		}
	}},
	{"of what fails in the middle nothing stays", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		err := w.Update(ctx, "several things", func(st *store.Store) error {
			_, err := st.PutSecretValue(ctx, Caller, store.PutSecretValueInput{SecretID: "s", ClientRequestToken: "v2", Value: rota.StringValue("b")})
			w.Must(err)
			return errStop
		})
		if !errors.Is(err, errStop) {
			w.T.Errorf("the error is %v", err)
		}
		if v := w.Value("s", "", ""); v != "a" {
			w.T.Errorf("AWSCURRENT is %q", v)
		}
	}},
	{"who reads together does not see what is written meanwhile, and cannot write", func(w *World) {
		ctx := w.T.Context()
		w.Create("s", "v1", "a")
		describe := func(st *store.Store) time.Time {
			got, err := st.DescribeSecret(ctx, Caller, store.DescribeSecretInput{SecretID: "s"})
			w.Must(err)
			return got.Changed
		}
		w.Must(w.View(ctx, "several things", func(st *store.Store) error {
			before := describe(st)
			w.Clock.Advance(time.Minute)
			w.Must(w.Put(Caller, "s", "v2", "b")) // by the store itself, from outside
			if after := describe(st); !after.Equal(before) {
				w.T.Errorf("it changed from %s to %s", before, after)
			}
			_, err := st.PutSecretValue(ctx, Caller, store.PutSecretValueInput{SecretID: "s", ClientRequestToken: "v3", Value: rota.StringValue("c")})
			w.Refused(err, rota.Internal)
			return nil
		}))
		if v := w.Value("s", "", ""); v != "b" {
			w.T.Errorf("AWSCURRENT is %q", v)
		}
	}},
}
