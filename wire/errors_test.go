package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/rotahq/rota"
)

func TestEveryCodeHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[rota.Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Code" {
				text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				declared[rota.Code(text)] = true
			}
		}
		return true
	})
	if len(declared) < 25 {
		t.Fatalf("found only %d codes in the source of package rota", len(declared))
	}
	for _, code := range rota.Codes() {
		declared[code] = true
	}
	for code := range declared {
		r, ok := rows[code]
		if !ok {
			t.Errorf("no row for %q", code)
			continue
		}
		if r.name == "" || r.text == "" || r.member != modelled && r.member != framework {
			t.Errorf("the row for %q is not whole: %+v", code, r)
		}
	}
	for code := range rows {
		if !declared[code] {
			t.Errorf("a row for %q, which is no code", code)
		}
	}
}

func TestErrorsOnTheWire(t *testing.T) {
	cause := errors.New("pq: password c4n4ry at db.internal")
	tests := []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"AWS's sentence goes out as it is", rota.E(rota.NotFound, "Secrets Manager can't find the specified secret."), 400, `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`},
		{"a wrapped error keeps its code and message", fmt.Errorf("outer: %w", rota.E(rota.Exists, "m")), 400, `{"__type":"ResourceExistsException","Message":"m"}`},
		{"a bare code gets the table's text", rota.NotFound, 400, `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`},
		{"operation, secret, hint and cause stay inside", &rota.Error{Code: rota.DecryptionFailed, Message: "m", Op: "c4n4ry", Secret: "c4n4ry", Hint: "c4n4ry", Err: cause}, 400, `{"__type":"DecryptionFailure","Message":"m"}`},
		{"an unknown error has a fixed text", cause, 500, `{"__type":"InternalServiceError","Message":"An error occurred on the server side."}`},
		{"an internal error has the same text, whatever it says", &rota.Error{Code: rota.Internal, Message: "c4n4ry", Err: cause}, 500, `{"__type":"InternalServiceError","Message":"An error occurred on the server side."}`},
		{"a code that nobody knows is internal, with its message inside", rota.E("made up", "c4n4ry"), 500, `{"__type":"InternalServiceError","Message":"An error occurred on the server side."}`},
		{"no error at all is internal", nil, 500, `{"__type":"InternalServiceError","Message":"An error occurred on the server side."}`},
		{"a framework error has message in lower case", rota.E(rota.Validation, "m"), 400, `{"__type":"ValidationException","message":"m"}`},
		{"a refused caller has Message", rota.E(rota.AccessDenied, "m"), 400, `{"__type":"AccessDeniedException","Message":"m"}`},
		{"a body that is too large is 413", rota.TooLarge, 413, `{"__type":"RequestEntityTooLargeException","message":"The request body is too large."}`},
		{"a lost claim is not to be sent again", rota.ClaimLost, 400, `{"__type":"InvalidRequestException","Message":"This rotation attempt is over: another one works on the secret now. Stop here; the newer attempt does what is left."}`},
		{"a busy secret says when to try again", rota.Busy, 400, `{"__type":"InvalidRequestException","Message":"A rotation, test or expiry of this secret is running. Try again when it is over."}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := WriteError(w, "id-1", tt.err); err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tt.status, tt.body)
			}
			h := w.Result().Header
			if h.Get("Content-Type") != "application/x-amz-json-1.1" || h.Get("x-amzn-RequestId") != "id-1" || h.Get("Content-Length") != strconv.Itoa(len(tt.body)) {
				t.Errorf("headers: %v", h)
			}
			if strings.Contains(w.Body.String(), "c4n4ry") {
				t.Error("what belongs inside went out")
			}
			var body struct {
				Type string `json:"__type"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Type != ErrorName(tt.err) {
				t.Errorf("ErrorName is %s, the body says %s (%v)", ErrorName(tt.err), body.Type, err)
			}
		})
	}
}
