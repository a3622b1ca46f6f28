"""What the function has to know of the API. All of it is for you to change; as
it stands it is right for the API of: rota function provider.

A value is {"url", "id", "key"}, the admin's is {"url", "token"}. No error holds
a token, a key or an answer.
"""

import json
import urllib.error
import urllib.parse
import urllib.request


def mint(admin, name):
    """Make a key under a name, and return the secret's whole value."""
    made = call("POST", admin["url"] + "/keys", admin["token"], {"name": name})
    return {"url": admin["url"], "id": made["id"], "key": made["key"]}


def find(admin, name):
    """List the ids of the keys of a name."""
    found = call("GET", admin["url"] + "/keys?name=" + urllib.parse.quote(name), admin["token"])
    return [key["id"] for key in found]


def revoke(admin, key_id):
    """End a key. One that is gone is ended."""
    call("DELETE", admin["url"] + "/keys/" + urllib.parse.quote(key_id), admin["token"], gone=404)


def test(value):
    """Use a key once, and fail if the API does not accept it."""
    call("GET", value["url"] + "/whoami", value["key"])


def call(method, url, token, body=None, gone=None):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", "Bearer " + token)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        if error.code == gone:
            return None
        raise RuntimeError(f"{method}: the API answers {error.code}") from None
    except OSError:
        raise RuntimeError(f"{method}: the API cannot be reached") from None
    return json.loads(text) if text else None
