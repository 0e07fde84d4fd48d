#!/usr/bin/env python3
"""LiteLLM's proxy on a free loopback port, with answers of its own making. Prints its URL first.

Its model is a mock response, which the proxy cuts into pieces as it does with any provider's. It
streams these as chat and as text completions; asked for Anthropic's messages it sends one JSON
object, and for Responses status 500, because it has no mock for these. Ends with SIGTERM, and by
itself after five minutes.
"""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

LONGEST_START, LONGEST_LIFE = 120, 300
PR_SET_PDEATHSIG = 1

# JSON is YAML, too.
CONFIGURATION = """
{"model_list": [{"model_name": "m", "litellm_params": {
    "model": "openai/m", "api_key": "none", "mock_response": "Rivers carry water to the sea"}}],
 "general_settings": {"master_key": "%s"}}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_up(url):
    try:
        with urllib.request.urlopen(url + "/health/liveliness", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def wait(process, url):
    end = time.monotonic() + LONGEST_START
    while not is_up(url):
        if process.poll() is not None or time.monotonic() > end:
            sys.exit("LiteLLM's proxy didn't start")
        time.sleep(0.2)
    print("listening on", url, flush=True)
    process.wait(LONGEST_LIFE)


def end_with_parent():
    """The proxy outlives no test, however this script ends (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = free_port()
    program = os.path.join(os.path.dirname(sys.executable), "litellm")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "config.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION % os.environ["LITELLM_TEST_KEY"])
        # The price list is of the network, the packaged one does.
        process = subprocess.Popen(
            [program, "--config", path, "--host", "127.0.0.1", "--port", str(port)],
            stdout=sys.stderr,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            cwd=directory,
            preexec_fn=end_with_parent,
        )
        try:
            wait(process, f"http://127.0.0.1:{port}")
        finally:
            process.kill()
            process.wait(10)


if __name__ == "__main__":
    main()
