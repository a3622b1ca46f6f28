package server

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rotahq/rota/store"
)

// listed asks for a page of a list.
func (z *fuzzed) listed(t *testing.T, in map[string]any) (names []string, next string, ok bool) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	const target = "secretsmanager.ListSecrets"
	status, typ, answer := z.ask(t, keyID, target, body)
	if !z.check(t, target, status, typ, answer) {
		return nil, "", false
	}
	var out struct {
		SecretList []struct{ Name string }
		NextToken  string
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil {
		t.Fatal(err)
	}
	for _, s := range out.SecretList {
		names = append(names, s.Name)
	}
	return names, out.NextToken, true
}

// FuzzFilters asks for lists with any filter: whole, in pages of every size,
// turned round, and negated. All agree.
func FuzzFilters(f *testing.F) {
	z := newFuzzed(f)
	orders := []store.SecretOrder{store.ByCreated, store.ByAccessed, store.ByChanged, store.ByName}
	keys := []string{"name", "description", "tag-key", "tag-value", "primary-region", "owning-service", "all", "Name", ""}
	for i, v := range []string{"", "!", "app/", "!app/", "main DATA", "Base", "db", "app/db turned", "te", "a", region, "%", "_", "'", "!!", "\x00", "ünï", " ", strings.Repeat("a ", 300)} {
		for j, k := range keys {
			f.Add(k, v, byte(i+j), byte(i), i%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, key, value string, size, order byte, deleted bool) {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			t.Skip("bodies are fuzzed elsewhere")
		}
		in := map[string]any{
			"Filters": []any{map[string]any{"Key": key, "Values": []string{value}}}, "IncludePlannedDeletion": deleted,
			"SortBy": orders[int(order)%len(orders)],
		}
		whole, next, ok := z.listed(t, in)
		if !ok {
			return
		}
		if next != "" {
			t.Fatal("a short list has a second page")
		}
		in["MaxResults"] = 1 + int(size)%7
		var paged []string
		for pages := 0; ; pages++ {
			page, next, ok := z.listed(t, in)
			if !ok || len(page) > 1+int(size)%7 || pages > 20 {
				t.Fatalf("page %d has %q, %v", pages, page, ok)
			}
			paged = append(paged, page...)
			if in["NextToken"] = next; next == "" {
				break
			}
		}
		delete(in, "NextToken")
		delete(in, "MaxResults")
		if !slices.Equal(whole, paged) {
			t.Fatalf("the list is %q, in pages %q", whole, paged)
		}
		in["SortOrder"] = "desc"
		turned, _, _ := z.listed(t, in)
		slices.Reverse(turned)
		if !slices.Equal(whole, turned) {
			t.Fatalf("the list is %q, turned round and back %q", whole, turned)
		}
		// What a filter lets through and what its negation does are everything.
		in["Filters"] = []any{map[string]any{"Key": key, "Values": []string{"!" + value}}}
		others, _, ok := z.listed(t, in)
		delete(in, "Filters")
		all, _, _ := z.listed(t, in)
		if both := append(whole, others...); ok && !strings.HasPrefix(value, "!") {
			slices.Sort(both)
			slices.Sort(all)
			if !slices.Equal(both, all) {
				t.Fatalf("%q with %s and %q without are not %q", whole, value, others, all)
			}
		}
	})
}

// readable is what a cursor in the open would have: an id, or a name of its
// members. Sealed bytes do not look so by chance.
var readable = regexp.MustCompile(`[0-9a-f-]{12}|"(Time|Name|ID)":`)

// FuzzPageTokens goes on with any token. Only the one that an answer gave
// works, and only for the request that got it.
func FuzzPageTokens(f *testing.F) {
	z := newFuzzed(f)
	lists := []struct{ target, body string }{
		{"secretsmanager.ListSecrets", `{"MaxResults":1`},
		{"secretsmanager.ListSecrets", `{"MaxResults":1,"SortBy":"name"`},
		{"secretsmanager.ListSecrets", `{"MaxResults":1,"SortOrder":"desc"`},
		{"secretsmanager.ListSecrets", `{"MaxResults":1,"IncludePlannedDeletion":true`},
		{"secretsmanager.ListSecrets", `{"MaxResults":1,"Filters":[{"Key":"name","Values":["app/"]}]`},
		{"secretsmanager.BatchGetSecretValue", `{"MaxResults":1,"Filters":[{"Key":"name","Values":["app/"]}]`},
		{"secretsmanager.ListSecretVersionIds", `{"MaxResults":1,"SecretId":"app/db"`},
		{"secretsmanager.ListSecretVersionIds", `{"MaxResults":1,"SecretId":"app/turned"`},
	}
	tokens := make([]string, len(lists))
	for i, l := range lists {
		status, _, answer := z.ask(f, keyID, l.target, []byte(l.body+`}`))
		var out struct{ NextToken string }
		if err := json.Unmarshal([]byte(answer), &out); err != nil || status != http.StatusOK || out.NextToken == "" {
			f.Fatalf("%s: no token in %s", l.target, answer)
		}
		tokens[i] = out.NextToken
		if raw, err := base64.RawURLEncoding.DecodeString(out.NextToken); err != nil || readable.Match(raw) {
			f.Fatalf("a token that can be read: %s is %q, %v", out.NextToken, raw, err)
		}
	}
	for i, token := range tokens {
		for j := range lists {
			f.Add(byte(j), byte(i), uint16(0), byte(0), "")
		}
		for at := range len(token) {
			f.Add(byte(i), byte(i), uint16(at), byte(1)<<(at%8), "")
		}
		half := len(token) / 2
		for _, made := range []string{token + "A", token[1:], token[:len(token)-1], token[:half], token[half:], token[half:] + token[:half], token[:half] + "\n" + token[half:], token + "=", strings.ToUpper(token), token + token, "eyJ9", " ", strings.Repeat("a", 4097)} {
			f.Add(byte(i), byte(i), uint16(0), byte(0), made)
		}
	}
	z.rows = z.look(f)
	// A token of ours with one byte changed, or one that was made up.
	f.Fuzz(func(t *testing.T, list, from byte, at uint16, change byte, token string) {
		n := int(list) % len(lists)
		if token == "" {
			ours := []byte(tokens[int(from)%len(tokens)])
			ours[int(at)%len(ours)] ^= change
			token = string(ours)
		}
		l := lists[n]
		status, typ, answer := z.ask(t, keyID, l.target, []byte(l.body+`,"NextToken":`+quoted(token)+`}`))
		ok := z.check(t, l.target, status, typ, answer)
		if ok != (token == tokens[n]) {
			t.Fatalf("%s%s with the token %q: %d %s", l.target, l.body, token, status, answer)
		}
		if !ok && typ != "InvalidNextTokenException" && typ != "ValidationException" {
			t.Fatalf("%s with the token %q: %s", l.target, token, answer)
		}
	})
}
