#!/usr/bin/env python3
"""Runs a command in this network namespace while no local port is left in it.

Usage: unshare --net --map-root-user without_ports.py COMMAND [ARGUMENT...]

Brings the loopback up, listens on 127.0.0.1:8000, makes the range of local ports small and takes
every port of it with sockets that are bound but not connected. Exits with the command's status, or
with 77 where the kernel allows none of this.
"""
import fcntl
import socket
import struct
import subprocess
import sys

FIRST, LAST = 40000, 40063
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(handle, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def main():
    try:
        bring_loopback_up()
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
            file.write(f"{FIRST} {LAST}")
        listener = socket.create_server(("127.0.0.1", 8000))
        taken = []
        for port in range(FIRST, LAST + 1):
            taken.append(socket.socket())
            taken[-1].bind(("127.0.0.1", port))
    except OSError as error:
        print(f"no namespace to exhaust: {error}", file=sys.stderr)
        return 77
    status = subprocess.run(sys.argv[1:], timeout=20).returncode
    listener.close()
    return status


sys.exit(main())
