package server

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/access/audit"
	"github.com/rotahq/rota/function"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

// functionOperations are those on functions that are not rota's own.
func (s *Server) functionOperations() map[string]operation {
	return map[string]operation{
		"PutFunction":    ownOn((*Server).putFunction),
		"ListFunctions":  reads(ownOn((*Server).listFunctions)),
		"GetFunction":    reads(ownOn((*Server).getFunction)),
		"DeleteFunction": ownOn((*Server).deleteFunction),
	}
}

func (s *Server) putFunction(ctx context.Context, c rota.Caller, in wire.PutFunctionInput) (out wire.PutFunctionOutput, err error) {
	if s.Functions == nil {
		return out, rota.E(rota.InvalidRequest, "This server has no place for functions.")
	}
	f, err := definition(in)
	if err != nil {
		return out, err
	}
	made, err := s.Store.PutFunction(ctx, c, f, func() error {
		if err := s.Functions.Check(f); err != nil || f.Credentials == "" {
			return err
		}
		// Who lets a function use a key must be allowed to use it himself.
		_, err := s.Store.Allowed(ctx, c, "GetSecretValue", f.Credentials)
		return err
	})
	if err != nil {
		return out, err
	}
	return wire.PutFunctionOutput{Function: shownFunction(made)}, nil
}

func definition(in wire.PutFunctionInput) (store.Function, error) {
	f := store.Function{Name: in.FunctionName}
	f.Kind, f.Timeout = store.LocalFunction, function.DefaultTimeout
	if in.TimeoutSeconds != 0 {
		f.Timeout = time.Duration(min(max(in.TimeoutSeconds, -1), 86400)) * time.Second
	}
	if r := in.Remote; r != nil {
		if len(in.Command) > 0 || in.Folder != "" || in.Handler != "" || len(in.Environment) > 0 || in.MemoryMB != 0 {
			return f, rota.E(rota.InvalidParameter, "A function is either a command or remote.")
		}
		f.Kind, f.Target, f.TargetRegion, f.Endpoint, f.Credentials = store.RemoteFunction, r.FunctionName, r.Region, r.Endpoint, r.CredentialsSecretId
		return f, nil
	}
	f.Command, f.Folder, f.Handler, f.Memory = in.Command, in.Folder, in.Handler, function.DefaultMemory
	if in.MemoryMB != 0 {
		f.Memory = int64(min(max(in.MemoryMB, -1), 1<<30)) << 20
	}
	if len(in.Environment) > 0 {
		env, err := json.Marshal(in.Environment)
		if err != nil {
			return f, err
		}
		f.Env = rota.StringValue(string(env))
	}
	return f, nil
}

func shownFunction(f store.Function) wire.ShownFunction {
	out := wire.ShownFunction{
		FunctionName: f.Name, FunctionArn: f.ARN(), Kind: string(f.Kind), TimeoutSeconds: int(f.Timeout / time.Second),
		Command: f.Command, Folder: f.Folder, Handler: f.Handler, Variables: f.Variables, MemoryMB: int(f.Memory >> 20),
		Created: f.Created, Changed: f.Changed,
	}
	if f.Kind == store.RemoteFunction {
		out.Remote = &wire.RemoteFunction{FunctionName: f.Target, Region: f.TargetRegion, Endpoint: f.Endpoint, CredentialsSecretId: f.Credentials}
	}
	return out
}

func (s *Server) listFunctions(ctx context.Context, c rota.Caller, _ wire.ListFunctionsInput) (wire.ListFunctionsOutput, error) {
	out := wire.ListFunctionsOutput{Functions: []wire.ShownFunction{}}
	all, err := s.Store.Functions(ctx, c)
	for _, f := range all {
		out.Functions = append(out.Functions, shownFunction(f))
	}
	return out, err
}

func (s *Server) getFunction(ctx context.Context, c rota.Caller, in wire.GetFunctionInput) (wire.GetFunctionOutput, error) {
	f, err := s.Store.Function(ctx, c, in.FunctionName)
	return wire.GetFunctionOutput{Function: shownFunction(f)}, err
}

func (s *Server) deleteFunction(ctx context.Context, c rota.Caller, in wire.DeleteFunctionInput) (wire.DeleteFunctionOutput, error) {
	return wire.DeleteFunctionOutput{}, s.Store.DeleteFunction(ctx, c, in.FunctionName)
}

// recordFunction tells what is registered, but no argument of a command, which
// could be a token, and no value of an environment.
func recordFunction(m *audit.Members, in wire.PutFunctionInput) {
	m.Text("functionName", in.FunctionName)
	if len(in.Command) > 0 {
		m.Text("program", in.Command[0])
	}
	m.Text("folder", in.Folder)
	m.Text("handler", in.Handler)
	m.Texts("variables", slices.Sorted(maps.Keys(in.Environment)))
	if r := in.Remote; r != nil {
		m.Text("remoteFunctionName", r.FunctionName)
		m.Text("endpoint", r.Endpoint)
		m.Text("credentialsSecretId", r.CredentialsSecretId)
	}
}
