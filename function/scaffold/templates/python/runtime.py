"""A Lambda runtime client in Python's standard library:

    python3 runtime.py function.handler

It stands in for awslambdaric, which is AWS's own and which Debian does not
package; with that one it is: python3 -m awslambdaric function.handler
The protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import importlib
import json
import os
import sys
import traceback
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]


def post(path, body):
    request = urllib.request.Request(API + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()


def failure(error):
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def main():
    sys.stdout.reconfigure(line_buffering=True)
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    module, _, name = (sys.argv[1] if len(sys.argv) > 1 else os.environ["_HANDLER"]).rpartition(".")
    try:
        handler = getattr(importlib.import_module(module), name)
    except Exception as error:
        post("init/error", failure(error))
        raise
    while True:
        with urllib.request.urlopen(API + "invocation/next") as answer:  # waits for as long as it takes
            event, context = json.load(answer), Context(answer.headers)
        try:
            result = handler(event, context)
        except Exception as error:
            traceback.print_exc()
            post("invocation/" + context.aws_request_id + "/error", failure(error))
            continue
        post("invocation/" + context.aws_request_id + "/response", result)


main()
