#!/usr/bin/env python3
"""A TLS server on OpenSSL's other binding: tells each client, as one event, what it asked for.

Usage: tls_server.py CERTIFICATE KEY

Prints its URL first. Every connection gets one event stream whose single event is a JSON object with
the server name, the protocol of ALPN, the TLS version, and whether the session was resumed.
"""
import json
import socket
import ssl
import sys
import threading

PATIENCE_S = 10


def answer(raw, context):
    names = {}

    def note_name(connection, name, _context):
        names["sni"] = name

    context.sni_callback = note_name
    raw.settimeout(PATIENCE_S)
    try:
        with context.wrap_socket(raw, server_side=True) as connection:
            request = b""
            while b"\r\n\r\n" not in request:
                block = connection.recv(65536)
                if not block:
                    return
                request += block
            facts = {
                "sni": names.get("sni"),
                "alpn": connection.selected_alpn_protocol(),
                "version": connection.version(),
                "resumed": connection.session_reused,
            }
            body = f"data: {json.dumps(facts)}\n\n".encode()
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(head.encode() + body)
            connection.unwrap()
    except OSError:
        pass


def main(certificate, key):
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on https://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        raw, _ = listener.accept()
        # One context a connection: the callback belongs to it.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        threading.Thread(target=answer, args=(raw, context), daemon=True).start()


main(*sys.argv[1:])
