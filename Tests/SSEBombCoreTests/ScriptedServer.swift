// A TCP server that answers by script, with blocking sockets and a thread a connection, so that
// nothing of the engine under test is in it. Every wait of it is bounded.

import Glibc
import Testing

@testable import SSEBombCore

/// The server's end of one connection.
struct ScriptedPeer: Sendable {
    let descriptor: Int32
    /// Which accepted connection this is, from 0.
    let number: Int

    /// Reads one request, which must have no body; false at the end of the connection.
    func awaitRequest() -> Bool {
        var seen: [UInt8] = []
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) == 1 {
            seen.append(byte)
            if seen.suffix(4).elementsEqual([13, 10, 13, 10]) { return true }
        }
        return false
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func sleep(milliseconds: UInt32) { usleep(milliseconds * 1_000) }

    /// The head of a chunked event stream.
    func sendHead() {
        send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n"
        )
    }

    /// One event in a chunk of its own.
    func sendEvent(_ data: String) {
        let event = "data: \(data)\n\n"
        send("\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n")
    }

    /// One token of a chat stream; the last one carries the finish reason.
    func sendToken(isLast: Bool = false) {
        let reason = isLast ? "\"stop\"" : "null"
        sendEvent(
            "{\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
                + "\"delta\":{\"content\":\"x\"},\"finish_reason\":\(reason)}]}"
        )
    }

    /// The end marker and the last chunk.
    func sendEnd() {
        sendEvent("[DONE]")
        send("0\r\n\r\n")
    }
}

/// Listens on a loopback port of its own until `stop`.
final class ScriptedServer {
    let address: SocketAddress
    private let listener: Int32
    private let thread: PinnedThread

    /// - Parameter script: runs on a thread of its own for each connection, which is closed after.
    init(script: @escaping @Sendable (ScriptedPeer) -> Void) throws {
        let (descriptor, address) = try Self.listen()
        listener = descriptor
        self.address = address
        thread = try PinnedThread(name: "script", cpus: []) {
            var peers: [PinnedThread] = []
            while true {
                let accepted = accept(descriptor, nil, nil)
                guard accepted >= 0 else { break }
                let peer = ScriptedPeer(descriptor: accepted, number: peers.count)
                Self.bound(accepted)
                let served = try? PinnedThread(name: "peer", cpus: []) {
                    script(peer)
                    close(accepted)
                }
                guard let served else { break }
                peers.append(served)
            }
            for peer in peers { peer.join() }
        }
    }

    /// Ends the accept loop and waits for every connection's script.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        thread.join()
        close(listener)
    }

    /// An address on which nobody listens.
    static func closedAddress() throws -> SocketAddress {
        let (descriptor, address) = try listen()
        close(descriptor)
        return address
    }

    private static func listen() throws -> (Int32, SocketAddress) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && Glibc.listen(descriptor, 64) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(bound)
        let resolved = try SocketAddress.resolve(
            host: "127.0.0.1",
            port: UInt16(bigEndian: address.sin_port),
            numericOnly: true
        )
        return (descriptor, try #require(resolved.first))
    }

    /// No test waits for bytes longer than this; small writes leave at once.
    private static func bound(_ descriptor: Int32) {
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    }
}
