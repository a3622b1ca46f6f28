"""Plays every crash, retry and late event against the function, with the API of
rota function provider. Both are the program rota, which must be in the PATH:

    python3 -m unittest
"""

import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Survives(unittest.TestCase):
    def test_the_function_survives(self):
        with tempfile.TemporaryDirectory() as folder:
            provider = subprocess.Popen(["rota", "function", "provider", "--folder", folder])
            try:
                key, admin = os.path.join(folder, "key.json"), os.path.join(folder, "admin.json")
                while not (os.path.exists(key) and os.path.exists(admin)):
                    self.assertIsNone(provider.poll(), "the provider ended")
                    time.sleep(0.02)
                subprocess.run(
                    [
                        "rota", "function", "test", "--folder", HERE, "--env", "ADMIN_SECRET_ID=keys/admin", "--memory", "512MB",
                        "--env", "AWS_MAX_ATTEMPTS=1",  # the service tries again, and the SDK would only wait
                        "--value", key, "--secret", "keys/admin=" + admin,
                        "--accepts", "rota function accepts keys", "--list", "rota function list keys --admin " + admin,
                        "--slow", "rota function slow keys --admin " + admin,
                        "--", sys.executable, "runtime.py", "function.handler",
                    ],
                    check=True,
                )
            finally:
                provider.kill()
                provider.wait()


if __name__ == "__main__":
    unittest.main()
