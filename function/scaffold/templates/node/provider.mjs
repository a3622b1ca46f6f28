// What the function has to know of the API. All of it is for you to change; as
// it stands it is right for the API of: rota function provider.
//
// A value is {"url", "id", "key"}, the admin's is {"url", "token"}. No error
// holds a token, a key or an answer.

// mint makes a key under a name, and returns the secret's whole value.
export async function mint({ url, token }, name) {
  const { id, key } = await call('POST', `${url}/keys`, token, { name });
  return { url, id, key };
}

// find lists the ids of the keys of a name.
export async function find({ url, token }, name) {
  return (await call('GET', `${url}/keys?name=${encodeURIComponent(name)}`, token)).map((key) => key.id);
}

// revoke ends a key. One that is gone is ended.
export async function revoke({ url, token }, id) {
  await call('DELETE', `${url}/keys/${encodeURIComponent(id)}`, token, undefined, 404);
}

// test uses a key once, and fails if the API does not accept it.
export async function test({ url, key }) {
  await call('GET', `${url}/whoami`, key);
}

async function call(method, url, token, body, gone) {
  let res;
  try {
    res = await fetch(url, {
      method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10_000),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
  } catch {
    throw new Error(`${method}: the API cannot be reached`);
  }
  if (!res.ok && res.status !== gone) throw new Error(`${method}: the API answers ${res.status}`);
  return res.status === 200 || res.status === 201 ? res.json() : null;
}
