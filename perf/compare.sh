#!/usr/bin/env bash
# ssebomb beside the C drain, wrk, h2load and a plain aiohttp loop: CPU per event, memory per
# stream, error of TTFT and gap. Installs what is missing (wrk and h2load as root, aiohttp into a
# virtual environment), then runs compare.py, which takes the arguments and writes perf/results/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=()
command -v wrk >/dev/null || packages+=(wrk)
command -v h2load >/dev/null || packages+=(nghttp2-client)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
if [ "${#packages[@]}" -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "compare: missing packages: run  sudo apt-get install ${packages[*]}" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

venv=${PERF_DIR:-.build-perf}/venv
if [ ! -e "$venv/complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q aiohttp
    touch "$venv/complete"
fi
exec env AIOHTTP_PYTHON="$(realpath -s "$venv")/bin/python" perf/compare.py "$@"
