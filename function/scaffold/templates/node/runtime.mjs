// A Lambda runtime client without dependencies:
//
//	node runtime.mjs function.handler
//
// It stands in for AWS's own package aws-lambda-ric, which has to be compiled.
// The protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/`;
const post = (path, body) => fetch(api + path, { method: 'POST', body: JSON.stringify(body ?? null), headers: { 'content-type': 'application/json' } });
const failure = (error) => ({ errorType: error.name ?? 'Error', errorMessage: String(error.message ?? error), stackTrace: String(error.stack ?? '').split('\n').slice(1) });

const [module, name] = (process.argv[2] ?? process.env._HANDLER).split('.');
let handler;
try {
  handler = (await import(pathToFileURL(join(process.env.LAMBDA_TASK_ROOT, `${module}.mjs`))))[name];
} catch (error) {
  await post('init/error', failure(error));
  throw error;
}

for (;;) {
  const res = await fetch(`${api}invocation/next`); // waits for as long as it takes
  const id = res.headers.get('lambda-runtime-aws-request-id');
  const context = {
    awsRequestId: id,
    invokedFunctionArn: res.headers.get('lambda-runtime-invoked-function-arn'),
    getRemainingTimeInMillis: () => Number(res.headers.get('lambda-runtime-deadline-ms')) - Date.now(),
  };
  try {
    await post(`invocation/${id}/response`, await handler(await res.json(), context));
  } catch (error) {
    console.error(error);
    await post(`invocation/${id}/error`, failure(error));
  }
}
