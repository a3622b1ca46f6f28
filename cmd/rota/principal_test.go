package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// forgetPrincipals makes the database of a folder one of before there were
// principals; a crash between the file credentials and the commit leaves the
// same.
func forgetPrincipals(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "rota.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, q := range []string{"DELETE FROM access_keys", "DELETE FROM principal_policies", "DELETE FROM principals", "DELETE FROM meta WHERE key = 'store.principals'"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheKeyOfAnOlderDataFolderGoesOnAsTheAdministrators(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	n, _ := startTestNode(t, dir, newDemoRotator())
	n.stop()
	before, err := os.ReadFile(filepath.Join(dir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	forgetPrincipals(t, dir)
	_, c := startTestNode(t, dir, newDemoRotator())
	after, err := os.ReadFile(filepath.Join(dir, "credentials"))
	if err != nil || string(after) != string(before) {
		t.Errorf("the file is another one: %v", err)
	}
	all, err := c.principals(t.Context())
	if err != nil || len(all) != 2 || shortName(all[1].Arn) != "user/rota-admin" {
		t.Errorf("the principals are %v, %v", all, err)
	}
}

func TestTemporaryCredentialsAreNoAdministrator(t *testing.T) {
	dir := t.TempDir()
	if err := writeFile(filepath.Join(dir, "credentials"), "[default]\naws_access_key_id = ASIAX\naws_secret_access_key = s\nregion = us-east-1\n"); err != nil {
		t.Fatal(err)
	}
	_, err := startNode(t.Context(), nodeConfig{dir: dir, listen: "127.0.0.1:0", account: defaultAccount, region: defaultRegion, getenv: func(string) string { return "" }})
	if err == nil || !strings.Contains(err.Error(), "temporary credentials") {
		t.Errorf("got %v", err)
	}
}

// TestARecoveryMayBeRepeatedAndMakesNoKeyWithoutAPlaceForIt: each one makes
// another key, so one that a crash kept from being written down does no harm.
func TestARecoveryMayBeRepeatedAndMakesNoKeyWithoutAPlaceForIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	n, _ := startTestNode(t, dir, newDemoRotator())
	n.stop()
	c := nodeConfig{dir: dir, getenv: func(string) string { return "" }, log: n.log}
	path := filepath.Join(dir, "credentials")
	blocked := filepath.Join(dir, "blocked")
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := recoverAdministrator(t.Context(), c, adminName, blocked); err == nil {
		t.Error("a key went into a folder")
	}
	var last store.NewAccessKey
	for i, wantGone := range []int{0, 1, 1} {
		k, gone, err := recoverAdministrator(t.Context(), c, adminName, path)
		if err != nil || len(gone) != wantGone {
			t.Fatalf("recovery %d: %v had to go, %v", i+1, gone, err)
		}
		last = k
	}
	left, err := filepath.Glob(filepath.Join(dir, ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	_, client := startTestNode(t, dir, newDemoRotator())
	if client.keys.id != last.ID {
		t.Errorf("the file has %s, want %s", client.keys.id, last.ID)
	}
	var keys wire.ListAccessKeysOutput
	if err := client.own(t.Context(), "ListAccessKeys", wire.ListAccessKeysInput{}, &keys); err != nil || len(keys.AccessKeys) != 2 {
		t.Errorf("the keys are %v, %v", keys, err)
	}
}
