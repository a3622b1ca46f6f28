package lambda

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotahq/rota"
)

// suffixLength is a hyphen and the six characters that end an ARN.
const suffixLength = 7

// identity reads the ARN of a secret.
func identity(text, name string) (rota.Secret, error) {
	a, err := arn.Parse(text)
	rest, ours := strings.CutPrefix(a.Resource, "secret:")
	if err != nil || !ours || a.Service != "secretsmanager" || len(rest) <= suffixLength || rest[:len(rest)-suffixLength] != name {
		return rota.Secret{}, fmt.Errorf("DescribeSecret %s: AWS answers the ARN %q, which is none of a secret of that name", name, text)
	}
	s := rota.Secret{
		Key:  rota.Key{Account: a.AccountID, Region: a.Region, ID: text},
		Name: name, Suffix: rest[len(rest)-suffixLength+1:],
	}
	if a.Partition != "aws" {
		s.Partition = a.Partition
	}
	return s, nil
}

// described is a secret as the handler knows it.
func described(out *secretsmanager.DescribeSecretOutput) (rota.Secret, error) {
	s, err := identity(aws.ToString(out.ARN), aws.ToString(out.Name))
	if err != nil {
		return s, err
	}
	s.Description, s.KMSKeyID, s.Type = aws.ToString(out.Description), aws.ToString(out.KmsKeyId), aws.ToString(out.Type)
	s.Created, s.Changed, s.Accessed, s.DeletionDate = at(out.CreatedDate), at(out.LastChangedDate), at(out.LastAccessedDate), at(out.DeletedDate)
	s.PrimaryRegion = aws.ToString(out.PrimaryRegion)
	for _, t := range out.Tags {
		s.Tags = append(s.Tags, rota.Tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	s.EverTagged = len(s.Tags) > 0
	s.Rotation = rota.Rotation{
		Configured: out.RotationEnabled != nil, Enabled: aws.ToBool(out.RotationEnabled),
		Function: aws.ToString(out.RotationLambdaARN), RoleARN: aws.ToString(out.ExternalSecretRotationRoleArn),
		Last: at(out.LastRotatedDate), Next: at(out.NextRotationDate),
	}
	if r := out.RotationRules; r != nil {
		s.Rotation.Rules = rota.Rules{
			AfterDays: int(aws.ToInt64(r.AutomaticallyAfterDays)), Expression: aws.ToString(r.ScheduleExpression), Duration: aws.ToString(r.Duration),
		}
	}
	for _, m := range out.ExternalSecretRotationMetadata {
		s.Rotation.Metadata = append(s.Rotation.Metadata, rota.MetadataItem{Key: aws.ToString(m.Key), Value: aws.ToString(m.Value)})
	}
	s.Stages = stages(out.VersionIdsToStages)
	return s, nil
}

func stages(from map[string][]string) map[string][]rota.Label {
	if len(from) == 0 {
		return nil
	}
	to := maps.Clone(from)
	for id, labels := range to {
		to[id] = slices.Sorted(slices.Values(labels))
	}
	return to
}

func at(t *time.Time) time.Time { return aws.ToTime(t) }
