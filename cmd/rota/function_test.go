package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	runtime "github.com/aws/aws-lambda-go/lambda"
)

// functionProgram is a Lambda function in Go: it tells what it is given.
func functionProgram() {
	runtime.Start(func(_ context.Context, event map[string]any) (any, error) {
		fmt.Println("called with", len(event), "members")
		if event["fail"] == true {
			return nil, errors.New("no host")
		}
		if event["Step"] != nil {
			return nil, errors.New("not in a rotation that it knows")
		}
		var names []string
		for _, v := range os.Environ() {
			name, _, _ := strings.Cut(v, "=")
			names = append(names, name)
		}
		slices.Sort(names)
		out := map[string]any{"handler": os.Getenv("_HANDLER"), "names": names, "rest": os.Args[1:]}
		if len(event) > 0 {
			out["event"] = event
		}
		return out, nil
	})
}

func TestParseEnv(t *testing.T) {
	lookup := func(name string) (string, bool) { return "its value", name == "HERE" }
	got, err := parseEnv([]string{"A=1", "B=", "C=a=b", "HERE"}, lookup)
	if want := map[string]string{"A": "1", "B": "", "C": "a=b", "HERE": "its value"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v %v", got, err)
	}
	for _, bad := range [][]string{{"=1"}, {"MISSING"}, {"A=1", "A=2"}, {""}} {
		if _, err := parseEnv(bad, lookup); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int{"": 0, "256MB": 256, "2GB": 2048} {
		if got, err := parseMemory(text); err != nil || got != want {
			t.Errorf("%q is %d %v", text, got, err)
		}
	}
	for _, bad := range []string{"256", "256mb", "-1MB", "1TB", "9999999MB"} {
		if _, err := parseMemory(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzParseEnv: what is read is what was given.
func FuzzParseEnv(f *testing.F) {
	f.Add("A=1", "B=2")
	f.Fuzz(func(t *testing.T, a, b string) {
		got, err := parseEnv([]string{a, b}, func(string) (string, bool) { return "", false })
		if err != nil {
			return
		}
		if len(got) != 2 {
			t.Errorf("%q %q is %v", a, b, got)
		}
		for name, value := range got {
			if name+"="+value != a && name+"="+value != b {
				t.Errorf("%q %q is %v", a, b, got)
			}
		}
		if _, err := json.Marshal(got); err != nil {
			t.Error(err)
		}
	})
}
