"""A rotation function for the password of a PostgreSQL role, as one would
deploy it to AWS Lambda. It knows nothing of rota.

The secret is {"host", "port", "dbname", "username", "password"}. The role may
change its own password, so no other secret is needed. There is one password at
a time: between setSecret and finishSecret AWSCURRENT is refused.
"""

import json
import os

import boto3
import psycopg2
from psycopg2 import sql

secrets = boto3.client("secretsmanager", endpoint_url=os.environ.get("SECRETS_MANAGER_ENDPOINT"))


def lambda_handler(event, context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    secret = secrets.describe_secret(SecretId=arn)
    if not secret.get("RotationEnabled"):
        raise ValueError("rotation of this secret is off")
    stages = secret["VersionIdsToStages"].get(token)
    if stages is None:
        raise ValueError("the secret has no version " + token)
    if "AWSCURRENT" in stages:
        return
    if "AWSPENDING" not in stages:
        raise ValueError("version " + token + " is not AWSPENDING")
    print(step, "of", secret["Name"])
    if step == "createSecret":
        create(arn, token, event.get("RotationToken"))
    elif step == "setSecret":
        set_password(arn, token)
    elif step == "testSecret":
        login(read(arn, "AWSPENDING", token)).close()
    elif step == "finishSecret":
        finish(arn, token, secret["VersionIdsToStages"])
    else:
        raise ValueError("unknown step " + step)


def read(arn, stage, version=None):
    which = {"VersionId": version} if version else {}
    return json.loads(secrets.get_secret_value(SecretId=arn, VersionStage=stage, **which)["SecretString"])


def create(arn, token, rotation_token):
    """Choose the new password, unless an earlier attempt did."""
    try:
        read(arn, "AWSPENDING", token)
        return
    except secrets.exceptions.ResourceNotFoundException:
        pass
    value = read(arn, "AWSCURRENT")
    value["password"] = secrets.get_random_password(PasswordLength=32, ExcludePunctuation=True)["RandomPassword"]
    more = {"RotationToken": rotation_token} if rotation_token and "RotationToken" in put_members() else {}
    secrets.put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString=json.dumps(value), VersionStages=["AWSPENDING"], **more
    )


def put_members():
    """What PutSecretValue takes: an older boto3 does not know RotationToken."""
    return secrets.meta.service_model.operation_model("PutSecretValue").input_shape.members


def set_password(arn, token):
    """Set it, with whichever password the server accepts now."""
    pending, current = read(arn, "AWSPENDING", token), read(arn, "AWSCURRENT")
    if any(pending[k] != current[k] for k in ("host", "port", "dbname", "username")):
        raise ValueError("AWSPENDING and AWSCURRENT are not for the same role")
    try:
        login(pending).close()
        return
    except psycopg2.OperationalError:
        pass
    db = login(current)
    try:
        with db, db.cursor() as cursor:
            cursor.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(pending["username"]), sql.Literal(pending["password"]))
            )
    finally:
        db.close()


def login(value):
    return psycopg2.connect(
        host=value["host"], port=value["port"], dbname=value["dbname"], user=value["username"], password=value["password"],
        connect_timeout=5,
    )


def finish(arn, token, versions):
    current = next((v for v, stages in versions.items() if "AWSCURRENT" in stages), None)
    secrets.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
    )
