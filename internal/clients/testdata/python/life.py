"""The whole life of a secret with boto3, as a program of yours would live it.

The environment has what boto3 finds by itself (AWS_SHARED_CREDENTIALS_FILE,
AWS_DEFAULT_REGION), the address of rota (ROTA_URL), and the value of a secret
for a PostgreSQL role that is to be rotated (DATABASE).
"""

import json
import os
import time

import boto3
from botocore.exceptions import ClientError

# The one thing that differs from AWS is the endpoint URL.
client = boto3.client("secretsmanager", endpoint_url=os.environ["ROTA_URL"])


def fails(error, message, call, **arguments):
    """The call fails with this class of error and this sentence."""
    try:
        call(**arguments)
    except error as e:
        assert message in e.response["Error"]["Message"], e
        return e
    raise AssertionError(f"{call.__name__} did not fail with {error.__name__}")


def labels(name):
    return client.describe_secret(SecretId=name)["VersionIdsToStages"]


# A secret is made, and read by its name and by its ARN.
password = client.get_random_password(PasswordLength=24, ExcludePunctuation=True)["RandomPassword"]
assert len(password) == 24 and password.isalnum()
token = "11111111-aaaa-4aaa-8aaa-111111111111"
made = client.create_secret(
    Name="app/api-key", ClientRequestToken=token, SecretString=password,
    Description="the key of an API", Tags=[{"Key": "team", "Value": "a"}],
)
assert made["VersionId"] == token and made["ARN"].startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:app/api-key-")
for name in ("app/api-key", made["ARN"], made["ARN"][:-7]):
    got = client.get_secret_value(SecretId=name)
    assert got["SecretString"] == password and got["VersionStages"] == ["AWSCURRENT"], name
described = client.describe_secret(SecretId="app/api-key")
assert described["Description"] == "the key of an API" and described["Tags"] == [{"Key": "team", "Value": "a"}]
assert described["CreatedDate"].tzinfo and "RotationEnabled" not in described

# New values, and labels that are moved by hand.
second = client.put_secret_value(SecretId="app/api-key", SecretString="second")["VersionId"]
assert labels("app/api-key") == {token: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}
third = client.put_secret_value(SecretId="app/api-key", SecretString="third", VersionStages=["tried"])["VersionId"]
assert client.get_secret_value(SecretId="app/api-key", VersionStage="tried")["SecretString"] == "third"
client.update_secret_version_stage(SecretId="app/api-key", VersionStage="AWSCURRENT", MoveToVersionId=third, RemoveFromVersionId=second)
assert client.get_secret_value(SecretId="app/api-key")["SecretString"] == "third"
assert client.get_secret_value(SecretId="app/api-key", VersionStage="AWSPREVIOUS")["SecretString"] == "second"
versions = client.list_secret_version_ids(SecretId="app/api-key", IncludeDeprecated=True)["Versions"]
assert {v["VersionId"]: sorted(v.get("VersionStages", [])) for v in versions} == {token: [], second: ["AWSPREVIOUS"], third: ["AWSCURRENT", "tried"]}
client.update_secret(SecretId="app/api-key", Description="described anew")
assert client.describe_secret(SecretId="app/api-key")["Description"] == "described anew"

# Tags.
client.tag_resource(SecretId="app/api-key", Tags=[{"Key": "stage", "Value": "test"}])
client.untag_resource(SecretId="app/api-key", TagKeys=["team"])
assert client.describe_secret(SecretId="app/api-key")["Tags"] == [{"Key": "stage", "Value": "test"}]

# A resource policy.
policy = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*",
}]})
assert client.validate_resource_policy(SecretId="app/api-key", ResourcePolicy=policy)["PolicyValidationPassed"]
client.put_resource_policy(SecretId="app/api-key", ResourcePolicy=policy, BlockPublicPolicy=True)
assert json.loads(client.get_resource_policy(SecretId="app/api-key")["ResourcePolicy"]) == json.loads(policy)
fails(client.exceptions.MalformedPolicyDocumentException, "This policy has invalid syntax.",
      client.put_resource_policy, SecretId="app/api-key", ResourcePolicy="{")
fails(client.exceptions.PublicPolicyException, "BlockPublicPolicy",
      client.put_resource_policy, SecretId="app/api-key", ResourcePolicy=policy.replace("arn:aws:iam::123456789012:root", "*"), BlockPublicPolicy=True)
client.delete_resource_policy(SecretId="app/api-key")
assert "ResourcePolicy" not in client.get_resource_policy(SecretId="app/api-key")

# A binary value comes back byte by byte.
binary = bytes(range(256))
client.create_secret(Name="app/binary", SecretBinary=binary)
assert client.get_secret_value(SecretId="app/binary")["SecretBinary"] == binary
assert "SecretString" not in client.get_secret_value(SecretId="app/binary")

# Lists, with a filter and in pages.
client.create_secret(Name="other")
pages = client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": ["app/"]}], PaginationConfig={"PageSize": 1})
names = [[s["Name"] for s in page["SecretList"]] for page in pages]
assert [n for page in names for n in page] == ["app/api-key", "app/binary"] and max(map(len, names)) == 1, names
fails(client.exceptions.InvalidNextTokenException, "NextToken", client.list_secrets, NextToken="made up")

# A rotation: the password of a database changes, and the old one is refused
# from then on (which the caller of this program looks at).
client.create_secret(Name="app/db", SecretString=os.environ["DATABASE"], Tags=[{"Key": "rota:expire", "Value": "immediately"}])
rotated = client.rotate_secret(
    SecretId="app/db", RotationLambdaARN="arn:aws:lambda:us-east-1:123456789012:function:rota-postgres",
    RotationRules={"ScheduleExpression": "rate(30 days)"},
)["VersionId"]
deadline = time.monotonic() + 60
while labels("app/db").get(rotated) != ["AWSCURRENT"]:
    assert time.monotonic() < deadline, labels("app/db")
    time.sleep(0.1)
described = client.describe_secret(SecretId="app/db")
assert described["RotationEnabled"] and described["LastRotatedDate"] >= described["CreatedDate"]
before = json.loads(client.get_secret_value(SecretId="app/db", VersionStage="AWSPREVIOUS")["SecretString"])
after = json.loads(client.get_secret_value(SecretId="app/db")["SecretString"])
assert before == json.loads(os.environ["DATABASE"])
assert after["password"] != before["password"] and {**after, "password": ""} == {**before, "password": ""}
client.cancel_rotate_secret(SecretId="app/db")
assert client.describe_secret(SecretId="app/db")["RotationEnabled"] is False

# Replicas in another region, one removed and one promoted.
there = boto3.client("secretsmanager", endpoint_url=os.environ["ROTA_URL"], region_name="eu-west-1")
client.replicate_secret_to_regions(SecretId="app/binary", AddReplicaRegions=[{"Region": "eu-west-1"}])
assert there.get_secret_value(SecretId="app/binary")["SecretBinary"] == binary
fails(client.exceptions.InvalidParameterException, "Operation not permitted on a replica secret.",
      there.put_secret_value, SecretId="app/binary", SecretString="x")
client.remove_regions_from_replication(SecretId="app/binary", RemoveReplicaRegions=["eu-west-1"])
fails(client.exceptions.ResourceNotFoundException, "", there.describe_secret, SecretId="app/binary")
client.replicate_secret_to_regions(SecretId="app/binary", AddReplicaRegions=[{"Region": "eu-west-1"}])
there.stop_replication_to_replica(SecretId="app/binary")
there.put_secret_value(SecretId="app/binary", SecretString="on its own")

# What goes wrong has AWS's classes and sentences.
fails(client.exceptions.ResourceNotFoundException, "Secrets Manager can't find the specified secret.",
      client.get_secret_value, SecretId="app/none")
fails(client.exceptions.ResourceExistsException, "the secret app/api-key already exists.",
      client.create_secret, Name="app/api-key", SecretString="x")
fails(client.exceptions.InvalidParameterException, "Password length is too short based on the required types.",
      client.get_random_password, PasswordLength=2)
unmodelled = fails(ClientError, "Invalid name.", client.get_secret_value, SecretId="a b")
assert unmodelled.response["Error"]["Code"] == "ValidationException" and unmodelled.response["ResponseMetadata"]["HTTPStatusCode"] == 400
stranger = boto3.client("secretsmanager", endpoint_url=os.environ["ROTA_URL"], aws_access_key_id="AKIANOBODY", aws_secret_access_key="x")
unknown = fails(ClientError, "The security token included in the request is invalid.", stranger.list_secrets)
assert unknown.response["Error"]["Code"] == "UnrecognizedClientException"

# Deleted, restored, and deleted for good.
deleted = client.delete_secret(SecretId="app/api-key", RecoveryWindowInDays=7)
assert deleted["DeletionDate"].timestamp() > time.time() + 6 * 86400
fails(client.exceptions.InvalidRequestException, "because it was marked for deletion.", client.get_secret_value, SecretId="app/api-key")
assert "app/api-key" not in [s["Name"] for s in client.list_secrets()["SecretList"]]
client.restore_secret(SecretId="app/api-key")
assert client.get_secret_value(SecretId="app/api-key")["SecretString"] == "third"
client.delete_secret(SecretId="app/api-key", ForceDeleteWithoutRecovery=True)
fails(client.exceptions.ResourceNotFoundException, "Secrets Manager can't find the specified secret.", client.describe_secret, SecretId="app/api-key")

# This old client does not know what came after it: an operation that it lacks,
# and a member that it passes over.
assert not hasattr(client, "batch_get_secret_value")
assert "NextRotationDate" not in described
