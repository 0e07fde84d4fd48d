#!/usr/bin/env -S python3 -B
"""A plain event stream server that knows when it sent what. Standard library, one thread.

    perf/proof/server.py --log FILE [--events N] [--gap MS] [--first MS] [--cpu N]
                         [--clock monotonic|real] [--shape raw|chat]

Shares no code with ssebomb, neither the engine's nor the measuring scripts'. Every request gets a
chunked stream of N events, one send each, on a schedule of its own. Each event carries the clock as
read just before its send, and the clock is read again when send returns. On SIGTERM every event
that was sent is written to FILE, one JSON object a line: stream (from 1, in the order of requests),
event (from 1), and before_ns and after_ns, the two readings of CLOCK_MONOTONIC. With --clock real
the event carries real time instead, and real_ns is in the log beside them.

Prints its URL first.
"""

import argparse
import gc
import heapq
import json
import os
import select
import signal
import socket
import sys
import time

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"
RAW = b'data: {"stream":%d,"event":%d,"text":"a few words of text","sent_at":%d}\n\n'
CHAT = (
    b'data: {"id":"chatcmpl-%d-%d","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"proof","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}],'
    b'"sent_at":%d}\n\n'
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--log", required=True, help="what was sent, as JSON lines")
    parser.add_argument("--events", type=int, default=100, help="events a stream")
    parser.add_argument("--gap", type=float, default=20, help="milliseconds between events")
    parser.add_argument("--first", type=float, default=50, help="milliseconds to the first event")
    parser.add_argument("--cpu", type=int, help="run on this CPU only")
    parser.add_argument("--clock", choices=["monotonic", "real"], default="monotonic")
    parser.add_argument("--shape", choices=["raw", "chat"], default="raw")
    return parser.parse_args()


class Stream:
    """A response under way."""

    def __init__(self, number, connection, start):
        self.number = number
        self.connection = connection
        self.start = start
        self.sent = 0


class Server:
    def __init__(self, options):
        self.options = options
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.connections = {}
        self.requests = {}
        # (when the next event is due, stream's number, stream)
        self.due = []
        self.streams = 0
        self.log = []

    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self):
        """Until SIGTERM, which raises SystemExit in the wait."""
        while True:
            timeout = -1
            if self.due:
                timeout = max(0.0, (self.due[0][0] - time.monotonic_ns()) / 1e9)
            for descriptor, _ in self.poll.poll(timeout):
                if descriptor == self.listener.fileno():
                    self.accept()
                else:
                    self.receive(descriptor)
            now = time.monotonic_ns()
            while self.due and self.due[0][0] <= now:
                self.advance(heapq.heappop(self.due)[2])

    def accept(self):
        connection, _ = self.listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections[connection.fileno()] = connection
        self.requests[connection.fileno()] = b""
        self.poll.register(connection, select.EPOLLIN)

    def receive(self, descriptor):
        """A piece of a request; its body, if it has one, is of a given length."""
        connection = self.connections[descriptor]
        try:
            piece = connection.recv(65536)
        except ConnectionError:
            piece = b""
        if not piece:
            self.close(connection)
            return
        request = self.requests[descriptor] + piece
        head, found, body = request.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        if not found or len(body) < length:
            self.requests[descriptor] = request
            return
        self.requests[descriptor] = body[length:]
        self.begin(connection)

    def begin(self, connection):
        self.streams += 1
        start = time.monotonic_ns() + int(self.options.first * 1e6)
        if self.send(connection, HEAD):
            heapq.heappush(self.due, (start, self.streams, Stream(self.streams, connection, start)))

    def advance(self, stream):
        """Sends the stream's next event, or its end one gap after the last: in a send of its own
        and a read of its own."""
        options = self.options
        if stream.connection.fileno() < 0:
            return
        if stream.sent == options.events:
            if options.shape == "chat":
                self.send(stream.connection, chunk(b"data: [DONE]\n\n"))
            self.send(stream.connection, LAST_CHUNK)
            return
        stream.sent += 1
        shape = CHAT if options.shape == "chat" else RAW
        real = time.clock_gettime_ns(time.CLOCK_REALTIME)
        before = time.monotonic_ns()
        stamp = real if options.clock == "real" else before
        sent = self.send(stream.connection, chunk(shape % (stream.number, stream.sent, stamp)))
        after = time.monotonic_ns()
        if not sent:
            return
        self.log.append((stream.number, stream.sent, before, after, real))
        following = stream.start + int(stream.sent * options.gap * 1e6)
        heapq.heappush(self.due, (following, stream.number, stream))

    def send(self, connection, data):
        try:
            connection.sendall(data)
        except OSError:
            self.close(connection)
            return False
        return True

    def close(self, connection):
        descriptor = connection.fileno()
        if descriptor >= 0:
            self.poll.unregister(connection)
            del self.connections[descriptor], self.requests[descriptor]
            connection.close()

    def write_log(self):
        """Aside first, then renamed: a reader never sees a part."""
        aside = self.options.log + ".tmp"
        with open(aside, "w", encoding="ascii") as file:
            for stream, event, before, after, real in self.log:
                entry = {"stream": stream, "event": event, "before_ns": before, "after_ns": after}
                if self.options.clock == "real":
                    entry["real_ns"] = real
                file.write(json.dumps(entry) + "\n")
        os.replace(aside, self.options.log)


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def main():
    options = arguments()
    if options.cpu is not None:
        os.sched_setaffinity(0, [options.cpu])
    # A collection in the middle of a send would be taken for the network's time.
    gc.disable()
    server = Server(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A starter's thread may have it blocked, and that is inherited.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    print(f"listening on {server.url()}", flush=True)
    try:
        server.run()
    finally:
        server.write_log()


if __name__ == "__main__":
    main()
