"""A rotation function for a key of an outside API: the protocol of the four
steps. What it has to know of the API is in provider.py.

Each step may be repeated at any time, and the process may die anywhere:

* A key is made under a name of its own for each version, so that a retry finds
  what an earlier attempt left, and revokes it before it makes another.
* The old key lives on as AWSPREVIOUS, for clients that still hold it. It is
  revoked when it is about to lose that label, before AWSCURRENT moves: after
  the move a retry would find its work done.
"""

import json
import os

import boto3

import provider

secrets = boto3.client("secretsmanager", endpoint_url=os.environ.get("SECRETS_MANAGER_ENDPOINT"))


def handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    secret = secrets.describe_secret(SecretId=arn)
    if not secret.get("RotationEnabled"):
        raise ValueError("rotation of this secret is off")
    labels = secret.get("VersionIdsToStages", {}).get(token, [])
    if "AWSCURRENT" in labels:
        return  # a repetition of work that is done
    if "AWSPENDING" not in labels:
        raise ValueError("version " + token + " is not AWSPENDING")
    if step == "createSecret":
        create(arn, token, event.get("RotationToken"))
    elif step == "setSecret":
        pending(arn, token)  # the API accepts the key since it made it
    elif step == "testSecret":
        provider.test(pending(arn, token))
    elif step == "finishSecret":
        finish(arn, token, secret["VersionIdsToStages"])
    else:
        raise ValueError("unknown step " + step)


def create(arn, token, rotation_token):
    if optional(arn, "AWSPENDING", token):
        return  # never a second value
    admin = read(os.environ["ADMIN_SECRET_ID"], "AWSCURRENT")
    for left in provider.find(admin, name(token)):
        provider.revoke(admin, left)
    made = provider.mint(admin, name(token))
    try:
        put(arn, token, made, rotation_token)
    except secrets.exceptions.ResourceExistsException:
        provider.revoke(admin, made["id"])  # another attempt was faster
        raise


def finish(arn, token, versions):
    new, current, previous = pending(arn, token), read(arn, "AWSCURRENT"), optional(arn, "AWSPREVIOUS")
    admin = read(os.environ["ADMIN_SECRET_ID"], "AWSCURRENT")
    for left in provider.find(admin, name(token)):
        if left != new["id"]:
            provider.revoke(admin, left)
    if previous and previous["id"] not in (new["id"], current["id"]):
        provider.revoke(admin, previous["id"])
    old = next(version for version, labels in versions.items() if "AWSCURRENT" in labels)
    secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=old)


def name(token):
    """The name of the key of a version."""
    return "rotation-" + token


def put(arn, token, value, rotation_token):
    more = {}
    # An older boto3 does not know RotationToken, which only a function with an assumed role needs.
    if rotation_token and "RotationToken" in secrets.meta.service_model.operation_model("PutSecretValue").input_shape.members:
        more["RotationToken"] = rotation_token
    secrets.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=["AWSPENDING"], **more)


def pending(arn, token):
    return read(arn, "AWSPENDING", token)


def read(secret, label, version=None):
    which = {"VersionId": version} if version else {}
    return json.loads(secrets.get_secret_value(SecretId=secret, VersionStage=label, **which)["SecretString"])


def optional(secret, label, version=None):
    try:
        return read(secret, label, version)
    except secrets.exceptions.ResourceNotFoundException:
        return None
