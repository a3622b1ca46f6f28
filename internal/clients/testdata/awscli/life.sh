#!/bin/bash
# The whole life of a secret with the AWS CLI, as a script of yours would live
# it.
#
# The environment has what the AWS CLI finds by itself
# (AWS_SHARED_CREDENTIALS_FILE, AWS_DEFAULT_REGION), the address of rota
# (ROTA_URL), and the value of a secret for a PostgreSQL role that is to be
# rotated (DATABASE).
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -r "$PWD"' EXIT

# The one thing that differs from AWS is the endpoint URL. AWS CLIs from 2.13 on
# read it from AWS_ENDPOINT_URL as well; this one does not.
sm() { aws --endpoint-url "$ROTA_URL" --output text secretsmanager "$@"; }

# is compares what was printed with what is wanted.
is() { [ "$1" = "$2" ] || { echo "line ${BASH_LINENO[0]}: got '$1', want '$2'" >&2; exit 1; }; }

# fails wants an error of this type and with this sentence.
fails() {
  local type=$1 sentence=$2 said
  shift 2
  if said=$(sm "$@" 2>&1); then echo "line ${BASH_LINENO[0]}: $1 did not fail with $type" >&2; exit 1; fi
  [[ $said == *"An error occurred ($type) when calling the "*"$sentence"* ]] || { echo "line ${BASH_LINENO[0]}: $said" >&2; exit 1; }
}

# A secret is made, and read by its name and by its ARN.
password=$(sm get-random-password --password-length 24 --exclude-punctuation --query RandomPassword)
[[ $password =~ ^[A-Za-z0-9]{24}$ ]]
token=11111111-aaaa-4aaa-8aaa-111111111111
read -r arn version < <(sm create-secret --name app/api-key --client-request-token $token --secret-string "$password" \
  --description 'the key of an API' --tags Key=team,Value=a --query '[ARN, VersionId]')
is "$version" $token
[[ $arn == arn:aws:secretsmanager:us-east-1:123456789012:secret:app/api-key-* ]]
is "$(sm get-secret-value --secret-id app/api-key --query '[SecretString, VersionStages[0]]')" "$password	AWSCURRENT"
is "$(sm get-secret-value --secret-id "$arn" --query SecretString)" "$password"
is "$(sm describe-secret --secret-id app/api-key --query '[Description, Tags[0].Value, RotationEnabled]')" 'the key of an API	a	None'

# New values, and labels that are moved by hand.
second=$(sm put-secret-value --secret-id app/api-key --secret-string second --query VersionId)
third=$(sm put-secret-value --secret-id app/api-key --secret-string third --version-stages tried --query VersionId)
is "$(sm get-secret-value --secret-id app/api-key --version-stage tried --query SecretString)" third
sm update-secret-version-stage --secret-id app/api-key --version-stage AWSCURRENT --move-to-version-id "$third" --remove-from-version-id "$second" >/dev/null
is "$(sm get-secret-value --secret-id app/api-key --query SecretString)" third
is "$(sm list-secret-version-ids --secret-id app/api-key --include-deprecated --query "Versions[?VersionId=='$second'].VersionStages[]")" AWSPREVIOUS
is "$(sm list-secret-version-ids --secret-id app/api-key --include-deprecated --query 'length(Versions)')" 3
sm update-secret --secret-id app/api-key --description 'described anew' >/dev/null

# Tags.
sm tag-resource --secret-id app/api-key --tags Key=stage,Value=test
sm untag-resource --secret-id app/api-key --tag-keys team
is "$(sm describe-secret --secret-id app/api-key --query '[Description, Tags[].[Key, Value]]')" $'described anew\nstage\ttest'

# A resource policy.
policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}'
is "$(sm validate-resource-policy --secret-id app/api-key --resource-policy "$policy" --query PolicyValidationPassed)" True
sm put-resource-policy --secret-id app/api-key --resource-policy "$policy" --block-public-policy >/dev/null
is "$(sm get-resource-policy --secret-id app/api-key --query ResourcePolicy)" "$policy"
fails MalformedPolicyDocumentException 'This policy has invalid syntax.' put-resource-policy --secret-id app/api-key --resource-policy '{'
fails PublicPolicyException BlockPublicPolicy \
  put-resource-policy --secret-id app/api-key --block-public-policy --resource-policy "${policy/arn:aws:iam::123456789012:root/*}"
sm delete-resource-policy --secret-id app/api-key >/dev/null
is "$(sm get-resource-policy --secret-id app/api-key --query ResourcePolicy)" None

# A binary value comes back byte by byte.
printf '%b' "$(printf '\\x%02x' {0..255})" >binary
sm create-secret --name app/binary --secret-binary fileb://binary >/dev/null
sm get-secret-value --secret-id app/binary --query SecretBinary | base64 -d | cmp - binary

# Lists, with a filter and in pages.
sm create-secret --name other >/dev/null
is "$(sm list-secrets --filters Key=name,Values=app/ --page-size 1 --query 'SecretList[].Name' | xargs)" 'app/api-key app/binary'
next=$(sm list-secrets --max-items 2 --output json --query NextToken | tr -d '"')
is "$(sm list-secrets --starting-token "$next" --query 'SecretList[].Name')" other
fails InvalidNextTokenException NextToken list-secrets --no-paginate --next-token 'made up'

# A rotation: the password of a database changes, and the old one is refused
# from then on (which the caller of this script looks at).
sm create-secret --name app/db --secret-string "$DATABASE" --tags Key=rota:expire,Value=immediately >/dev/null
rotated=$(sm rotate-secret --secret-id app/db --rotation-lambda-arn arn:aws:lambda:us-east-1:123456789012:function:rota-postgres \
  --rotation-rules ScheduleExpression='rate(30 days)' --query VersionId)
deadline=$((SECONDS + 60))
until [ "$(sm describe-secret --secret-id app/db --query "VersionIdsToStages.\"$rotated\"")" = AWSCURRENT ]; do
  [ $SECONDS -lt $deadline ] || { echo 'the rotation is not done' >&2; exit 1; }
done
is "$(sm get-secret-value --secret-id app/db --version-stage AWSPREVIOUS --query SecretString)" "$DATABASE"
[ "$(sm get-secret-value --secret-id app/db --query SecretString)" != "$DATABASE" ]
sm cancel-rotate-secret --secret-id app/db >/dev/null
# The member NextRotationDate came after this client, which passes over it.
is "$(sm describe-secret --secret-id app/db --query '[RotationEnabled, NextRotationDate]')" 'False	None'

# Replicas in another region, one removed and one promoted.
sm replicate-secret-to-regions --secret-id app/binary --add-replica-regions Region=eu-west-1 >/dev/null
sm get-secret-value --region eu-west-1 --secret-id app/binary --query SecretBinary | base64 -d | cmp - binary
fails InvalidParameterException 'Operation not permitted on a replica secret.' put-secret-value --region eu-west-1 --secret-id app/binary --secret-string x
sm remove-regions-from-replication --secret-id app/binary --remove-replica-regions eu-west-1 >/dev/null
fails ResourceNotFoundException '' describe-secret --region eu-west-1 --secret-id app/binary
sm replicate-secret-to-regions --secret-id app/binary --add-replica-regions Region=eu-west-1 >/dev/null
sm stop-replication-to-replica --region eu-west-1 --secret-id app/binary >/dev/null
sm put-secret-value --region eu-west-1 --secret-id app/binary --secret-string 'on its own' >/dev/null

# What goes wrong has AWS's types and sentences.
fails ResourceNotFoundException "Secrets Manager can't find the specified secret." get-secret-value --secret-id app/none
fails ResourceExistsException 'the secret app/api-key already exists.' create-secret --name app/api-key --secret-string x
fails InvalidParameterException 'Password length is too short based on the required types.' get-random-password --password-length 2
fails ValidationException 'Invalid name.' get-secret-value --secret-id 'a b'
AWS_ACCESS_KEY_ID=AKIANOBODY AWS_SECRET_ACCESS_KEY=x \
  fails UnrecognizedClientException 'The security token included in the request is invalid.' list-secrets

# Deleted, restored, and deleted for good.
sm delete-secret --secret-id app/api-key --recovery-window-in-days 7 >/dev/null
fails InvalidRequestException 'because it was marked for deletion.' get-secret-value --secret-id app/api-key
sm restore-secret --secret-id app/api-key >/dev/null
is "$(sm get-secret-value --secret-id app/api-key --query SecretString)" third
sm delete-secret --secret-id app/api-key --force-delete-without-recovery >/dev/null
fails ResourceNotFoundException "Secrets Manager can't find the specified secret." describe-secret --secret-id app/api-key

# This old client does not know the operation.
! sm batch-get-secret-value --secret-id-list app/db 2>said
grep -q 'Invalid choice' said
