// The whole life of a secret with the AWS SDK for JavaScript v3, as a program
// of yours would live it.
//
// The environment has what the SDK finds by itself
// (AWS_SHARED_CREDENTIALS_FILE, AWS_REGION), the address of rota (ROTA_URL),
// and the value of a secret for a PostgreSQL role that is to be rotated
// (DATABASE).

import assert from "node:assert/strict";
import * as sm from "@aws-sdk/client-secrets-manager";

// The one thing that differs from AWS is the endpoint.
const client = new sm.SecretsManagerClient({ endpoint: process.env.ROTA_URL });

const call = (Command, input = {}, by = client) => by.send(new Command(input));

// The call fails with this class of error and this sentence.
async function fails(type, message, Command, input = {}, by = client) {
  const error = await call(Command, input, by).then(() => undefined, (e) => e);
  assert(error instanceof type, `${Command.name} does not fail with ${type.name}: ${error}`);
  assert(error.message.includes(message), error.message);
  return error;
}

const labels = async (name) => (await call(sm.DescribeSecretCommand, { SecretId: name })).VersionIdsToStages;

// A secret is made, and read by its name and by its ARN.
const { RandomPassword: password } = await call(sm.GetRandomPasswordCommand, { PasswordLength: 24, ExcludePunctuation: true });
assert.match(password, /^[A-Za-z0-9]{24}$/);
const token = "11111111-aaaa-4aaa-8aaa-111111111111";
const made = await call(sm.CreateSecretCommand, {
  Name: "app/api-key", ClientRequestToken: token, SecretString: password,
  Description: "the key of an API", Tags: [{ Key: "team", Value: "a" }],
});
assert.equal(made.VersionId, token);
assert(made.ARN.startsWith("arn:aws:secretsmanager:us-east-1:123456789012:secret:app/api-key-"));
for (const SecretId of ["app/api-key", made.ARN, made.ARN.slice(0, -7)]) {
  const got = await call(sm.GetSecretValueCommand, { SecretId });
  assert.equal(got.SecretString, password);
  assert.deepEqual(got.VersionStages, ["AWSCURRENT"]);
}
const described = await call(sm.DescribeSecretCommand, { SecretId: "app/api-key" });
assert.equal(described.Description, "the key of an API");
assert.deepEqual(described.Tags, [{ Key: "team", Value: "a" }]);
assert(described.CreatedDate instanceof Date && described.RotationEnabled === undefined);

// New values, and labels that are moved by hand.
const { VersionId: second } = await call(sm.PutSecretValueCommand, { SecretId: "app/api-key", SecretString: "second" });
assert.deepEqual(await labels("app/api-key"), { [token]: ["AWSPREVIOUS"], [second]: ["AWSCURRENT"] });
const { VersionId: third } = await call(sm.PutSecretValueCommand, { SecretId: "app/api-key", SecretString: "third", VersionStages: ["tried"] });
assert.equal((await call(sm.GetSecretValueCommand, { SecretId: "app/api-key", VersionStage: "tried" })).SecretString, "third");
await call(sm.UpdateSecretVersionStageCommand, { SecretId: "app/api-key", VersionStage: "AWSCURRENT", MoveToVersionId: third, RemoveFromVersionId: second });
assert.equal((await call(sm.GetSecretValueCommand, { SecretId: "app/api-key" })).SecretString, "third");
assert.equal((await call(sm.GetSecretValueCommand, { SecretId: "app/api-key", VersionStage: "AWSPREVIOUS" })).SecretString, "second");
const { Versions } = await call(sm.ListSecretVersionIdsCommand, { SecretId: "app/api-key", IncludeDeprecated: true });
assert.deepEqual(
  Object.fromEntries(Versions.map((v) => [v.VersionId, (v.VersionStages ?? []).sort()])),
  { [token]: [], [second]: ["AWSPREVIOUS"], [third]: ["AWSCURRENT", "tried"] },
);
await call(sm.UpdateSecretCommand, { SecretId: "app/api-key", Description: "described anew" });
assert.equal((await call(sm.DescribeSecretCommand, { SecretId: "app/api-key" })).Description, "described anew");

// Tags.
await call(sm.TagResourceCommand, { SecretId: "app/api-key", Tags: [{ Key: "stage", Value: "test" }] });
await call(sm.UntagResourceCommand, { SecretId: "app/api-key", TagKeys: ["team"] });
assert.deepEqual((await call(sm.DescribeSecretCommand, { SecretId: "app/api-key" })).Tags, [{ Key: "stage", Value: "test" }]);

// A resource policy.
const policyFor = (who) => JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: who }, Action: "secretsmanager:GetSecretValue", Resource: "*" }],
});
const policy = policyFor("arn:aws:iam::123456789012:root");
assert((await call(sm.ValidateResourcePolicyCommand, { SecretId: "app/api-key", ResourcePolicy: policy })).PolicyValidationPassed);
await call(sm.PutResourcePolicyCommand, { SecretId: "app/api-key", ResourcePolicy: policy, BlockPublicPolicy: true });
assert.deepEqual(JSON.parse((await call(sm.GetResourcePolicyCommand, { SecretId: "app/api-key" })).ResourcePolicy), JSON.parse(policy));
await fails(sm.MalformedPolicyDocumentException, "This policy has invalid syntax.",
  sm.PutResourcePolicyCommand, { SecretId: "app/api-key", ResourcePolicy: "{" });
await fails(sm.PublicPolicyException, "BlockPublicPolicy",
  sm.PutResourcePolicyCommand, { SecretId: "app/api-key", ResourcePolicy: policyFor("*"), BlockPublicPolicy: true });
await call(sm.DeleteResourcePolicyCommand, { SecretId: "app/api-key" });
assert.equal((await call(sm.GetResourcePolicyCommand, { SecretId: "app/api-key" })).ResourcePolicy, undefined);

// A binary value comes back byte by byte.
const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
await call(sm.CreateSecretCommand, { Name: "app/binary", SecretBinary: binary });
const bytes = await call(sm.GetSecretValueCommand, { SecretId: "app/binary" });
assert.deepEqual(Uint8Array.from(bytes.SecretBinary), binary);
assert.equal(bytes.SecretString, undefined);

// Lists, with a filter and in pages; and many values in one call.
await call(sm.CreateSecretCommand, { Name: "other" });
const Filters = [{ Key: "name", Values: ["app/"] }];
const names = [];
for await (const page of sm.paginateListSecrets({ client, pageSize: 1 }, { Filters, SortBy: "name" })) {
  assert(page.SecretList.length <= 1);
  names.push(...page.SecretList.map((s) => s.Name));
}
assert.deepEqual(names, ["app/api-key", "app/binary"]);
await fails(sm.InvalidNextTokenException, "NextToken", sm.ListSecretsCommand, { NextToken: "made up" });
const batch = await call(sm.BatchGetSecretValueCommand, { SecretIdList: ["app/api-key", "app/none"] });
assert.deepEqual(batch.SecretValues.map((v) => v.SecretString), ["third"]);
assert.deepEqual(batch.Errors.map((e) => [e.SecretId, e.ErrorCode]), [["app/none", "ResourceNotFoundException"]]);

// A rotation: the password of a database changes, and the old one is refused
// from then on (which the caller of this program looks at).
await call(sm.CreateSecretCommand, { Name: "app/db", SecretString: process.env.DATABASE, Tags: [{ Key: "rota:expire", Value: "immediately" }] });
const { VersionId: rotated } = await call(sm.RotateSecretCommand, {
  SecretId: "app/db", RotationLambdaARN: "arn:aws:lambda:us-east-1:123456789012:function:rota-postgres",
  RotationRules: { ScheduleExpression: "rate(30 days)" },
});
const deadline = Date.now() + 60_000;
while ((await labels("app/db"))[rotated]?.join() !== "AWSCURRENT") {
  assert(Date.now() < deadline, "the rotation is not done");
  await new Promise((later) => setTimeout(later, 100));
}
const after = await call(sm.DescribeSecretCommand, { SecretId: "app/db" });
assert(after.RotationEnabled && after.LastRotatedDate < after.NextRotationDate);
const fields = async (VersionStage) => JSON.parse((await call(sm.GetSecretValueCommand, { SecretId: "app/db", VersionStage })).SecretString);
const [oldFields, newFields] = [await fields("AWSPREVIOUS"), await fields("AWSCURRENT")];
assert.deepEqual(oldFields, JSON.parse(process.env.DATABASE));
assert.notEqual(newFields.password, oldFields.password);
assert.deepEqual({ ...newFields, password: "" }, { ...oldFields, password: "" });
await call(sm.CancelRotateSecretCommand, { SecretId: "app/db" });
assert.equal((await call(sm.DescribeSecretCommand, { SecretId: "app/db" })).RotationEnabled, false);

// Replicas in another region, one removed and one promoted.
const there = new sm.SecretsManagerClient({ endpoint: process.env.ROTA_URL, region: "eu-west-1" });
const AddReplicaRegions = [{ Region: "eu-west-1" }];
await call(sm.ReplicateSecretToRegionsCommand, { SecretId: "app/binary", AddReplicaRegions });
assert.deepEqual(Uint8Array.from((await call(sm.GetSecretValueCommand, { SecretId: "app/binary" }, there)).SecretBinary), binary);
await fails(sm.InvalidParameterException, "Operation not permitted on a replica secret.",
  sm.PutSecretValueCommand, { SecretId: "app/binary", SecretString: "x" }, there);
await call(sm.RemoveRegionsFromReplicationCommand, { SecretId: "app/binary", RemoveReplicaRegions: ["eu-west-1"] });
await fails(sm.ResourceNotFoundException, "", sm.DescribeSecretCommand, { SecretId: "app/binary" }, there);
await call(sm.ReplicateSecretToRegionsCommand, { SecretId: "app/binary", AddReplicaRegions });
await call(sm.StopReplicationToReplicaCommand, { SecretId: "app/binary" }, there);
await call(sm.PutSecretValueCommand, { SecretId: "app/binary", SecretString: "on its own" }, there);

// What goes wrong has AWS's classes and sentences.
await fails(sm.ResourceNotFoundException, "Secrets Manager can't find the specified secret.", sm.GetSecretValueCommand, { SecretId: "app/none" });
await fails(sm.ResourceExistsException, "the secret app/api-key already exists.", sm.CreateSecretCommand, { Name: "app/api-key", SecretString: "x" });
await fails(sm.InvalidParameterException, "Password length is too short based on the required types.", sm.GetRandomPasswordCommand, { PasswordLength: 2 });
const unmodelled = await fails(sm.SecretsManagerServiceException, "Invalid name.", sm.GetSecretValueCommand, { SecretId: "a b" });
assert.deepEqual([unmodelled.name, unmodelled.$metadata.httpStatusCode], ["ValidationException", 400]);
const stranger = new sm.SecretsManagerClient({
  endpoint: process.env.ROTA_URL, credentials: { accessKeyId: "AKIANOBODY", secretAccessKey: "x" },
});
const unknown = await fails(sm.SecretsManagerServiceException, "The security token included in the request is invalid.", sm.ListSecretsCommand, {}, stranger);
assert.equal(unknown.name, "UnrecognizedClientException");

// Deleted, restored, and deleted for good.
const { DeletionDate } = await call(sm.DeleteSecretCommand, { SecretId: "app/api-key", RecoveryWindowInDays: 7 });
assert(DeletionDate.getTime() > Date.now() + 6 * 86_400_000);
await fails(sm.InvalidRequestException, "because it was marked for deletion.", sm.GetSecretValueCommand, { SecretId: "app/api-key" });
assert(!(await call(sm.ListSecretsCommand)).SecretList.some((s) => s.Name === "app/api-key"));
await call(sm.RestoreSecretCommand, { SecretId: "app/api-key" });
assert.equal((await call(sm.GetSecretValueCommand, { SecretId: "app/api-key" })).SecretString, "third");
await call(sm.DeleteSecretCommand, { SecretId: "app/api-key", ForceDeleteWithoutRecovery: true });
await fails(sm.ResourceNotFoundException, "Secrets Manager can't find the specified secret.", sm.DescribeSecretCommand, { SecretId: "app/api-key" });
