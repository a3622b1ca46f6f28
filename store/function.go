package store

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/seal"
)

// FunctionKind is how a registered function is invoked.
type FunctionKind string

// The kinds.
const (
	LocalFunction  FunctionKind = "local"  // a command on the server's machine that speaks the Lambda Runtime API
	RemoteFunction FunctionKind = "remote" // behind the Lambda Invoke API, of AWS or another endpoint
)

// Definition is how a function is invoked. Nothing in it is secret.
type Definition struct {
	Kind    FunctionKind
	Timeout time.Duration // of one invocation

	// Of a local one.
	Command   []string `json:",omitempty"`
	Folder    string   `json:",omitempty"` // working directory and task root, absolute
	Handler   string   `json:",omitempty"`
	Memory    int64    `json:",omitempty"` // bytes
	Variables []string `json:",omitempty"` // names of its environment, sorted; the store fills it in

	// Of a remote one.
	Target       string `json:",omitempty"` // its name or ARN there
	TargetRegion string `json:",omitempty"`
	Endpoint     string `json:",omitempty"` // "": AWS's own
	Credentials  string `json:",omitempty"` // the secret that holds the access key; "": rota's own AWS credentials
}

// Function is a rotation function that is not rota's own.
type Function struct {
	Account, Region, Name string
	Definition
	// Env is a JSON object of strings, the function's own variables; the zero
	// Value for none. It is kept sealed: tokens and passwords stand in
	// environments.
	Env     rota.Value
	Created time.Time
	Changed time.Time
}

// ARN is the function's, which RotationLambdaARN names.
func (f Function) ARN() string { return functionARN(f.Account, f.Region, f.Name) }

func functionARN(account, region, name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

// Environment is the function's own variables. It fails on what is no JSON
// object of strings.
func (f Function) Environment() (map[string]string, error) {
	if f.Env.IsZero() {
		return nil, nil
	}
	plain := f.Env.Reveal()
	defer clear(plain)
	var env map[string]string
	if json.Unmarshal(plain, &env) != nil {
		return nil, rota.E(rota.InvalidParameter, "The environment of a function is a JSON object of strings.")
	}
	return env, nil
}

// FunctionRow is a function as it is stored.
type FunctionRow struct {
	Account, Region, Name string
	Definition            Definition
	SealKey               string
	Blob                  []byte // nil: no environment
	Created, Changed      time.Time
}

const msgNoSuchFunction = "Function not found: %s:$LATEST"

// functionBinding ties a sealed environment to its function.
func functionBinding(account, region, name string) seal.Binding {
	return seal.Binding{Account: account, Region: region, ID: "function:" + name, Version: "environment"}
}

// mayFunction authorises the session's operation on a function.
func (x *session) mayFunction(name string) error {
	return x.mayAct(x.action, rota.Resource{ARN: functionARN(x.c.Account, x.c.Region, name), Asked: name})
}

// PutFunction registers a function of the caller's account and region, or
// changes all of it. check says whether it can be invoked; it is asked once it
// is known that the caller may register one. It may be repeated.
func (s *Store) PutFunction(ctx context.Context, c rota.Caller, f Function, check func() error) (out Function, err error) {
	err = s.update(ctx, c, ownActions+"PutFunction", f.Name, func(x *session) error {
		if err := x.mayFunction(f.Name); err != nil {
			return err
		}
		if err := check(); err != nil {
			return err
		}
		env, err := f.Environment()
		if err != nil {
			return err
		}
		row := FunctionRow{Account: x.c.Account, Region: x.c.Region, Name: f.Name, Definition: f.Definition, Created: x.now, Changed: x.now}
		row.Definition.Variables = slices.Sorted(maps.Keys(env))
		if old, ok, err := x.tx.Function(row.Account, row.Region, row.Name); err != nil {
			return err
		} else if ok {
			row.Created = old.Created
		}
		if len(env) > 0 {
			if row.Blob, row.SealKey, err = x.cfg.Sealer.Seal(functionBinding(row.Account, row.Region, row.Name), f.Env); err != nil {
				return nameSecret(err, "function "+row.Name)
			}
		}
		out = x.functionOf(row)
		return x.tx.PutFunction(row)
	})
	return out, err
}

// functionOf is a function without its environment.
func (x *session) functionOf(r FunctionRow) Function {
	return Function{Account: r.Account, Region: r.Region, Name: r.Name, Definition: r.Definition, Created: r.Created, Changed: r.Changed}
}

// Function returns a function of the caller's account and region with its
// environment; NotFound if there is none. For who is asked the environment is
// left out: its names are in the definition.
func (s *Store) Function(ctx context.Context, c rota.Caller, name string) (out Function, err error) {
	err = s.view(ctx, c, ownActions+"GetFunction", name, func(x *session) error {
		if err := x.mayFunction(name); err != nil {
			return err
		}
		row, ok, err := x.tx.Function(x.c.Account, x.c.Region, name)
		if err == nil && !ok {
			err = rota.E(rota.NotFound, msgNoSuchFunction, functionARN(x.c.Account, x.c.Region, name))
		}
		if err != nil {
			return err
		}
		out = x.functionOf(row)
		if len(row.Blob) == 0 || !x.c.Trusted() {
			return nil
		}
		if out.Env, err = x.cfg.Sealer.Open(functionBinding(row.Account, row.Region, row.Name), row.Blob); err != nil {
			return nameSecret(err, "function "+name)
		}
		return nil
	})
	return out, err
}

// Functions lists the functions of the caller's account and region by name,
// without their environments.
func (s *Store) Functions(ctx context.Context, c rota.Caller) (out []Function, err error) {
	err = s.view(ctx, c, ownActions+"ListFunctions", "", func(x *session) error {
		if err := x.mayAll(); err != nil {
			return err
		}
		rows, err := x.tx.Functions(x.c.Account, x.c.Region)
		for _, r := range rows {
			out = append(out, x.functionOf(r))
		}
		return err
	})
	return out, err
}

// DeleteFunction removes a function; NotFound if there is none. Secrets that
// name it stay as they are, and their rotations fail until it is registered
// again.
func (s *Store) DeleteFunction(ctx context.Context, c rota.Caller, name string) error {
	return s.update(ctx, c, ownActions+"DeleteFunction", name, func(x *session) error {
		if err := x.mayFunction(name); err != nil {
			return err
		}
		if _, ok, err := x.tx.Function(x.c.Account, x.c.Region, name); err != nil {
			return err
		} else if !ok {
			return rota.E(rota.NotFound, msgNoSuchFunction, functionARN(x.c.Account, x.c.Region, name))
		}
		return x.tx.DeleteFunction(x.c.Account, x.c.Region, name)
	})
}

// Allowed finds a secret on which the caller may do an operation, such as
// RotateSecret, without doing it. It returns its ARN.
func (s *Store) Allowed(ctx context.Context, c rota.Caller, operation, secretID string) (arn string, err error) {
	err = s.view(ctx, c, operation, secretID, func(x *session) error {
		row, err := x.find(secretID)
		if err == nil {
			arn = row.ARN()
		}
		return err
	})
	return arn, err
}

// registered says for Check whether the secret's account and region have a
// function of that name.
func (it *item) registered(name string) (bool, error) {
	_, ok, err := it.tx.Function(it.row.Account, it.row.Region, name)
	return ok, err
}
