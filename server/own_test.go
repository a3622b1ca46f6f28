package server

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/wire"
)

// show asks for a secret.
func (c *client) show(t *testing.T, in wire.ShowInput) wire.ShowOutput {
	t.Helper()
	var out wire.ShowOutput
	c.own(t, "Show", in, &out)
	return out
}

func (c *client) statusOf(t *testing.T, name string) wire.SecretStatus {
	t.Helper()
	var out wire.StatusOutput
	c.own(t, "Status", wire.StatusInput{}, &out)
	for _, s := range out.Secrets {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("rota.Status does not list %s: %+v", name, out)
	return wire.SecretStatus{}
}

// rowOf is the ledger row of a version.
func rowOf(s wire.ShowOutput, version string) wire.ShownCredential {
	for _, row := range s.Credentials {
		if row.VersionId == version {
			return row
		}
	}
	return wire.ShownCredential{}
}

func labelled(s wire.ShowOutput, label string) string {
	for _, v := range s.Versions {
		for _, l := range v.Labels {
			if l == label {
				return v.VersionId
			}
		}
	}
	return ""
}

func TestStatusShowAndExpireTellAndSteerOneRotation(t *testing.T) {
	c := newClient(t)
	id := *c.rotatable(t)
	equal(t, "before rotation was set up", c.statusOf(t, id).State, "by hand")
	old := labelled(c.show(t, wire.ShowInput{SecretId: id}), rota.Current)

	token := newID()
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &id, RotationLambdaARN: aws.String(function0), ClientRequestToken: &token}))
	equal(t, "asked for", c.statusOf(t, id).State, "rotating")
	waiting := c.show(t, wire.ShowInput{SecretId: id})
	for _, v := range waiting.Versions {
		equal(t, "empty version "+v.VersionId, v.Empty, v.VersionId == token)
	}
	must(c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id}))

	c.runEngine(t)
	until(t, "the rotation", func() (bool, any) {
		s := c.statusOf(t, id)
		return s.State == "idle" && s.OverlapOpen == 1, s
	})
	s := c.show(t, wire.ShowInput{SecretId: id})
	equal(t, "current", labelled(s, rota.Current), token)
	equal(t, "the old version", labelled(s, rota.Previous), old)
	equal(t, "the function", s.Rotator, function0)
	equal(t, "the new credential", rowOf(s, token).State, "live")
	equal(t, "the old credential", rowOf(s, old).State, "superseded")
	equal(t, "its policy", rowOf(s, old).Policy, "after 24h") // the default
	equal(t, "who logs in", rowOf(s, old).Principal, "k0")
	if u := s.OverlapOpenUntil; u == nil || time.Until(*u) < 23*time.Hour || time.Until(*u) > 25*time.Hour {
		t.Errorf("the overlap is open until %v, want in 24 hours", u)
	}
	if s.LastRotated == nil || time.Since(*s.LastRotated) > time.Minute {
		t.Errorf("last rotated %v", s.LastRotated)
	}
	if len(s.Readers) != 1 || s.Readers[0].Principal != principal || s.Readers[0].VersionId != old || s.Readers[0].Grade != "fetched" {
		t.Errorf("readers: %+v", s.Readers)
	}
	var steps []string
	for _, e := range s.Journal {
		if e.Outcome == rota.OutcomeOK {
			steps = append(steps, e.Step)
		}
	}
	if got := strings.Join(steps, " "); !strings.Contains(got, "createSecret setSecret testSecret finishSecret") {
		t.Errorf("the journal has %q, want the four steps, oldest first", got)
	}
	last := s.Journal[len(s.Journal)-1].Number
	equal(t, "what came after the last entry", len(c.show(t, wire.ShowInput{SecretId: id, AfterJournal: last}).Journal), 0)
	equal(t, "what came after the one before", len(c.show(t, wire.ShowInput{SecretId: id, AfterJournal: last - 1}).Journal), 1)
	newest := c.show(t, wire.ShowInput{SecretId: id, MaxJournal: 1}).Journal
	if len(newest) != 1 || newest[0].Number != last {
		t.Errorf("one entry is %+v, want the newest, %d", newest, last)
	}

	expire := func(in wire.ExpireInput) wire.ShownCredential {
		t.Helper()
		in.SecretId = id
		var out wire.ExpireOutput
		c.own(t, "Expire", in, &out)
		equal(t, "the row that changed", out.Credential.VersionId, old)
		return out.Credential
	}
	equal(t, "held", expire(wire.ExpireInput{Hold: true}).State, "held")
	if held := c.statusOf(t, id); held.OverlapHeld != 1 || held.OverlapOpenUntil != nil {
		t.Errorf("while it is held the status says %+v", held)
	}
	equal(t, "held, by version", expire(wire.ExpireInput{VersionId: old, Hold: true}).State, "held")
	equal(t, "let go on", expire(wire.ExpireInput{Resume: true}).State, "superseded")
	later := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	if at := expire(wire.ExpireInput{Until: &later}).NotBefore; at == nil || !at.Equal(later) {
		t.Errorf("moved to %s, it ends at %v", later, at)
	}
	equal(t, "the old key lives at the provider", slices.Contains(c.provider.Keys(), "k0"), true)
	expire(wire.ExpireInput{Now: true})
	until(t, "the end of the old key", func() (bool, any) {
		row := rowOf(c.show(t, wire.ShowInput{SecretId: id}), old)
		return row.State == string(rota.ProvenDead), row
	})
	equal(t, "open overlaps", c.statusOf(t, id).OverlapOpen, 0)
	equal(t, "the old key lives at the provider", slices.Contains(c.provider.Keys(), "k0"), false)
}

func TestExpireRefusesWhatItCannotDo(t *testing.T) {
	c := newClient(t)
	hour := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	past := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for name, test := range map[string]struct{ body, want string }{
		"neither now nor later":       {`{"SecretId":"app/db"}`, "InvalidParameterException"},
		"now and later at once":       {`{"SecretId":"app/db","Now":true,"Until":"` + hour + `"}`, "InvalidParameterException"},
		"a time that has passed":      {`{"SecretId":"app/db","VersionId":"` + c.first + `","Until":"` + past + `"}`, "InvalidParameterException"},
		"nothing waits for its end":   {`{"SecretId":"app/db","Now":true}`, "InvalidRequestException"},
		"a version in use":            {`{"SecretId":"app/db","VersionId":"` + c.second + `","Now":true}`, "InvalidRequestException"},
		"a version that is not there": {`{"SecretId":"app/db","VersionId":"` + newID() + `","Now":true}`, "ResourceNotFoundException"},
		"a secret that is not there":  {`{"SecretId":"app/none","Now":true}`, "ResourceNotFoundException"},
		"no secret":                   {`{"Now":true}`, "ValidationException"},
	} {
		a := send(t, c.request(t, "rota.Expire", test.body))
		if a.status != 400 || a.typ != test.want || a.text == "" {
			t.Errorf("%s: got %d %s %q, want 400 %s", name, a.status, a.typ, a.text, test.want)
		}
	}
	a := send(t, c.request(t, "rota.Show", `{"SecretId":"app/none"}`))
	equal(t, "show a secret that is not there", a.typ, "ResourceNotFoundException")
}

func TestStatusSaysWhatASecretIsDoing(t *testing.T) {
	c := newClient(t)
	id := *c.rotatable(t)
	must(c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &id, RotationLambdaARN: aws.String(function0), RotateImmediately: aws.Bool(false)}))
	equal(t, "a test", c.statusOf(t, id).State, "testing")
	must(c.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: &id}))
	equal(t, "cancelled", c.statusOf(t, id).State, "off")
	must(c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id}))
	equal(t, "deleted", c.statusOf(t, id).State, "deleted")
	equal(t, "shown too", c.show(t, wire.ShowInput{SecretId: id}).State, "deleted")
	c.ClockHeld = func() string { return "the clock jumped" }
	var out wire.StatusOutput
	c.own(t, "Status", wire.StatusInput{}, &out)
	equal(t, "the clock", out.ClockHeld, "the clock jumped")
}
