// Plays every crash, retry and late event against the function, with the API of
// rota function provider. Both are the program rota, which must be in the PATH:
//
//	npm test
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

test('the function survives', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'function-'));
  const provider = spawn('rota', ['function', 'provider', '--folder', folder], { stdio: 'inherit' });
  try {
    const [key, admin] = [join(folder, 'key.json'), join(folder, 'admin.json')];
    while (!existsSync(key) || !existsSync(admin)) {
      if (provider.exitCode !== null) throw new Error('the provider ended');
      await setTimeout(20);
    }
    const out = spawnSync('rota', [
      'function', 'test', '--folder', fileURLToPath(new URL('.', import.meta.url)), '--env', 'ADMIN_SECRET_ID=keys/admin', '--memory', '1GB',
      '--env', 'AWS_MAX_ATTEMPTS=1', // the service tries again, and the SDK would only wait
      '--value', key, '--secret', `keys/admin=${admin}`,
      '--accepts', 'rota function accepts keys', '--list', `rota function list keys --admin ${admin}`,
      '--slow', `rota function slow keys --admin ${admin}`,
      '--', process.execPath, 'runtime.mjs', 'function.handler',
    ], { stdio: 'inherit' });
    if (out.status !== 0) throw new Error(`rota function test ends with ${out.status}`);
  } finally {
    provider.kill();
    rmSync(folder, { recursive: true });
  }
});
