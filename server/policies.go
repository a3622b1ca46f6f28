package server

import (
	"context"

	"github.com/rotahq/rota"
	"github.com/rotahq/rota/store"
	"github.com/rotahq/rota/wire"
)

func (s *Server) getResourcePolicy(ctx context.Context, c rota.Caller, in *wire.GetResourcePolicyInput) (wire.Output, error) {
	out, err := s.Store.GetResourcePolicy(ctx, c, in.SecretId)
	return &wire.GetResourcePolicyOutput{ARN: out.ARN, Name: out.Name, ResourcePolicy: out.Document}, err
}

func (s *Server) putResourcePolicy(ctx context.Context, c rota.Caller, in *wire.PutResourcePolicyInput) (wire.Output, error) {
	out, err := s.Store.PutResourcePolicy(ctx, c, store.PutResourcePolicyInput{
		SecretID: in.SecretId, Document: in.ResourcePolicy, BlockPublic: deref(in.BlockPublicPolicy),
	})
	return &wire.PutResourcePolicyOutput{ARN: out.ARN, Name: out.Name}, err
}

func (s *Server) deleteResourcePolicy(ctx context.Context, c rota.Caller, in *wire.DeleteResourcePolicyInput) (wire.Output, error) {
	out, err := s.Store.DeleteResourcePolicy(ctx, c, in.SecretId)
	return &wire.DeleteResourcePolicyOutput{ARN: out.ARN, Name: out.Name}, err
}

func (s *Server) validateResourcePolicy(ctx context.Context, c rota.Caller, in *wire.ValidateResourcePolicyInput) (wire.Output, error) {
	findings, err := s.Store.ValidateResourcePolicy(ctx, c, in.SecretId, in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	passed := len(findings) == 0
	answer := &wire.ValidateResourcePolicyOutput{PolicyValidationPassed: &passed, ValidationErrors: []wire.ValidationErrorsEntry{}}
	for _, f := range findings {
		answer.ValidationErrors = append(answer.ValidationErrors, wire.ValidationErrorsEntry{CheckName: f.CheckName, ErrorMessage: f.Message})
	}
	return answer, nil
}
