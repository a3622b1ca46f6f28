// A rotation function for a key of an outside API: the protocol of the four
// steps. What it has to know of the API is in provider.mjs.
//
// Each step may be repeated at any time, and the process may die anywhere:
//
// - A key is made under a name of its own for each version, so that a retry
//   finds what an earlier attempt left, and revokes it before it makes another.
// - The old key lives on as AWSPREVIOUS, for clients that still hold it. It is
//   revoked when it is about to lose that label, before AWSCURRENT moves: after
//   the move a retry would find its work done.
import {
  DescribeSecretCommand, GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient, UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';

import * as provider from './provider.mjs';

const secrets = new SecretsManagerClient(process.env.SECRETS_MANAGER_ENDPOINT ? { endpoint: process.env.SECRETS_MANAGER_ENDPOINT } : {});

export async function handler({ Step: step, SecretId: arn, ClientRequestToken: token, RotationToken: rotationToken }) {
  const secret = await secrets.send(new DescribeSecretCommand({ SecretId: arn }));
  if (!secret.RotationEnabled) throw new Error('rotation of this secret is off');
  const versions = secret.VersionIdsToStages ?? {};
  const labels = versions[token] ?? [];
  if (labels.includes('AWSCURRENT')) return; // a repetition of work that is done
  if (!labels.includes('AWSPENDING')) throw new Error(`version ${token} is not AWSPENDING`);
  switch (step) {
    case 'createSecret':
      await create(arn, token, rotationToken);
      break;
    case 'setSecret': // the API accepts the key since it made it
      await read(arn, 'AWSPENDING', token);
      break;
    case 'testSecret':
      await provider.test(await read(arn, 'AWSPENDING', token));
      break;
    case 'finishSecret':
      await finish(arn, token, versions);
      break;
    default:
      throw new Error(`unknown step ${step}`);
  }
}

async function create(arn, token, rotationToken) {
  if (await optional(arn, 'AWSPENDING', token)) return; // never a second value
  const admin = await read(process.env.ADMIN_SECRET_ID, 'AWSCURRENT');
  for (const left of await provider.find(admin, name(token))) await provider.revoke(admin, left);
  const made = await provider.mint(admin, name(token));
  try {
    await secrets.send(new PutSecretValueCommand({
      SecretId: arn, ClientRequestToken: token, RotationToken: rotationToken, SecretString: JSON.stringify(made), VersionStages: ['AWSPENDING'],
    }));
  } catch (error) {
    if (error.name === 'ResourceExistsException') await provider.revoke(admin, made.id); // another attempt was faster
    throw error;
  }
}

async function finish(arn, token, versions) {
  const next = await read(arn, 'AWSPENDING', token);
  const current = await read(arn, 'AWSCURRENT');
  const previous = await optional(arn, 'AWSPREVIOUS');
  const admin = await read(process.env.ADMIN_SECRET_ID, 'AWSCURRENT');
  for (const left of await provider.find(admin, name(token))) {
    if (left !== next.id) await provider.revoke(admin, left);
  }
  if (previous && previous.id !== next.id && previous.id !== current.id) await provider.revoke(admin, previous.id);
  const old = Object.keys(versions).find((version) => versions[version].includes('AWSCURRENT'));
  await secrets.send(new UpdateSecretVersionStageCommand({
    SecretId: arn, VersionStage: 'AWSCURRENT', MoveToVersionId: token, RemoveFromVersionId: old,
  }));
}

// name is that of the key of a version.
const name = (token) => `rotation-${token}`;

async function read(secret, label, version) {
  const out = await secrets.send(new GetSecretValueCommand({ SecretId: secret, VersionStage: label, VersionId: version }));
  return JSON.parse(out.SecretString);
}

async function optional(secret, label, version) {
  try {
    return await read(secret, label, version);
  } catch (error) {
    if (error.name === 'ResourceNotFoundException') return null;
    throw error;
  }
}
