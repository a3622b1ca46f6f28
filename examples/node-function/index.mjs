// A rotation function for a key of an outside API, as one would deploy it to
// AWS Lambda. It knows nothing of rota.
//
// The secret is {"url", "id", "key"}; its admin secret, named by ADMIN_SECRET_ID,
// is {"url", "token"}. The API is the one of rota function provider: it issues
// keys under a name, so that a retry finds what an earlier attempt made: POST
// /keys {"name"}, GET /keys?name=, DELETE /keys/ID; GET /whoami tells whether a
// key is accepted. Old and new are accepted side by side; the old one is revoked
// when it has been AWSPREVIOUS for a whole rotation.
import {
  DescribeSecretCommand, GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient, UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';

const secrets = new SecretsManagerClient({});

export async function handler(event) {
  const { Step: step, SecretId: arn, ClientRequestToken: token, RotationToken: rotationToken } = event;
  const secret = await secrets.send(new DescribeSecretCommand({ SecretId: arn }));
  if (!secret.RotationEnabled) throw new Error('rotation of this secret is off');
  const stages = secret.VersionIdsToStages?.[token];
  if (!stages) throw new Error(`the secret has no version ${token}`);
  if (stages.includes('AWSCURRENT')) return;
  if (!stages.includes('AWSPENDING')) throw new Error(`version ${token} is not AWSPENDING`);
  console.log(step, 'of', secret.Name);
  switch (step) {
    case 'createSecret': return create(arn, token, rotationToken);
    case 'setSecret': // the API made the key valid when it issued it
      await read(arn, 'AWSPENDING', token);
      return;
    case 'testSecret': return test(await read(arn, 'AWSPENDING', token));
    case 'finishSecret': return finish(arn, token, secret.VersionIdsToStages);
    default: throw new Error(`unknown step ${step}`);
  }
}

async function read(arn, stage, version) {
  const out = await secrets.send(new GetSecretValueCommand({ SecretId: arn, VersionStage: stage, VersionId: version }));
  return JSON.parse(out.SecretString);
}

// optional is read, or null where there is no such value.
async function optional(arn, stage, version) {
  try {
    return await read(arn, stage, version);
  } catch (error) {
    if (error.name === 'ResourceNotFoundException') return null;
    throw error;
  }
}

async function call(url, method, path, token, body) {
  const res = await fetch(url + path, {
    method, body: body && JSON.stringify(body), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  });
  if (!res.ok && !(method === 'DELETE' && res.status === 404)) throw new Error(`${method} ${path.split('?')[0]} is answered ${res.status}`);
  return res.status === 204 || res.status === 404 ? null : res.json();
}

const admin = () => read(process.env.ADMIN_SECRET_ID, 'AWSCURRENT');

// create has a key issued under the name of this version. One that an attempt
// left without storing it is revoked first: nobody knows it.
async function create(arn, token, rotationToken) {
  if (await optional(arn, 'AWSPENDING', token)) return;
  const { url } = await read(arn, 'AWSCURRENT');
  const { token: adminToken } = await admin();
  const name = `rotation-${token}`;
  for (const left of await call(url, 'GET', `/keys?name=${name}`, adminToken)) {
    await call(url, 'DELETE', `/keys/${left.id}`, adminToken);
  }
  const { id, key } = await call(url, 'POST', '/keys', adminToken, { name });
  try {
    await secrets.send(new PutSecretValueCommand({
      SecretId: arn, ClientRequestToken: token, VersionStages: ['AWSPENDING'], RotationToken: rotationToken, SecretString: JSON.stringify({ url, id, key }),
    }));
  } catch (error) {
    // Another attempt was faster: nobody would know this key.
    if (error.name === 'ResourceExistsException') await call(url, 'DELETE', `/keys/${id}`, adminToken);
    throw error;
  }
}

async function test({ url, key }) {
  await call(url, 'GET', '/whoami', key);
}

// finish revokes the key that nobody should use any more before AWSCURRENT
// moves: afterwards a retry would return at once, and it would live on.
async function finish(arn, token, versions) {
  const previous = await optional(arn, 'AWSPREVIOUS');
  const current = await read(arn, 'AWSCURRENT');
  if (previous && previous.id !== current.id) {
    await call(previous.url, 'DELETE', `/keys/${previous.id}`, (await admin()).token);
  }
  const from = Object.keys(versions).find((v) => versions[v].includes('AWSCURRENT'));
  await secrets.send(new UpdateSecretVersionStageCommand({ SecretId: arn, VersionStage: 'AWSCURRENT', MoveToVersionId: token, RemoveFromVersionId: from }));
}
