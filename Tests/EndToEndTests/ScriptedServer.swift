// A server that does to each connection what a script says, byte by byte: what no sane server does
// can be provoked with it. Knows nothing of the program under test.

import Foundation
import Glibc

/// One step of what a server does to a connection.
enum ServerAction: Sendable {
    /// Waits for a whole request: the head, and a body of its Content-Length.
    case readRequest
    /// Waits for so many bytes of whatever.
    case readBytes(Int)
    case send([UInt8])
    case wait(milliseconds: Int)
    /// Waits until nothing has this path any more.
    case awaitRemoval(of: String)
    /// Ends the connection in order (FIN).
    case close
    /// Ends it with an RST.
    case reset
    /// Ends the receiving direction only: on unix sockets the peer's next send fails with EPIPE.
    case refuseBytes
    /// Takes whatever still comes, until the peer ends the connection.
    case drain
    /// Leaves the connection open without reading until the peer or the server ends it.
    case hold
    /// Begins the script again.
    case again

    static func send(_ text: String) -> ServerAction { .send(Array(text.utf8)) }
}

/// Where a `ScriptedServer` listens.
enum ServerPlace: Sendable {
    case ipv4
    case ipv6
    case unix(path: String)
}

/// Listens, and runs a script on every connection, each on a thread of its own. Every wait is
/// bounded; `stop` ends all of them.
final class ScriptedServer: Sendable {
    private struct State {
        var requests: [String] = []
        var accepted = 0
        var open: Set<Int32> = []
        var isStopped = false
    }

    /// Longest wait for one byte.
    private static let patience = 20
    private static let mostConnections = 2_000

    let port: UInt16
    private let listener: Int32
    private let place: ServerPlace
    private let cpu: Int?
    private let script: @Sendable (Int) -> [ServerAction]
    private let state = Locked(State())

    /// Starts listening. `script` is asked for each connection with its number, from 0 on. With
    /// `cpu` every thread of the server stays there, off the client's.
    init(
        _ place: ServerPlace = .ipv4,
        backlog: Int32 = 512,
        cpu: Int? = nil,
        script: @escaping @Sendable (Int) -> [ServerAction]
    ) throws {
        self.place = place
        self.cpu = cpu
        self.script = script
        (listener, port) = try Self.listen(place, backlog)
        let thread = Thread { [self] in acceptAll() }
        thread.stackSize = 256 << 10
        thread.start()
    }

    /// The same script for every connection.
    convenience init(
        _ script: [ServerAction],
        at place: ServerPlace = .ipv4,
        cpu: Int? = nil
    ) throws {
        try self.init(place, cpu: cpu) { _ in script }
    }

    /// `http://` with the literal address.
    var url: String {
        switch place {
        case .ipv4: "http://127.0.0.1:\(port)"
        case .ipv6: "http://[::1]:\(port)"
        case .unix: "http://localhost"
        }
    }

    /// Requests read so far, heads and bodies.
    var requests: [String] { state.withLock { $0.requests } }
    /// Connections accepted so far.
    var accepted: Int { state.withLock { $0.accepted } }

    /// Ends the listener and every connection.
    func stop() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        if case .unix(let path) = place { unlink(path) }
    }

    deinit { Glibc.close(listener) }

    // MARK: Listening

    private static func listen(_ place: ServerPlace, _ backlog: Int32) throws -> (Int32, UInt16) {
        let family: Int32
        switch place {
        case .ipv4: family = AF_INET
        case .ipv6: family = AF_INET6
        case .unix: family = AF_UNIX
        }
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure("no socket: \(errno)") }
        var storage = try LocalAddress(place)
        guard storage.bind(descriptor), Glibc.listen(descriptor, backlog) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw TestFailure("can't listen: errno \(code)")
        }
        return (descriptor, LocalAddress.port(of: descriptor))
    }

    /// Binds this thread, and with it those that it starts from then on.
    private static func pin(to cpu: Int) {
        // "PID/task/TID"
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
        guard let thread = own?.split(separator: "/").last else { return }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
        process.arguments = ["-cp", "\(cpu)", String(thread)]
        process.standardOutput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return }
        process.waitUntilExit()
    }

    private func acceptAll() {
        if let cpu { Self.pin(to: cpu) }
        while true {
            let descriptor = accept(listener, nil, nil)
            if descriptor < 0, errno == EINTR || errno == ECONNABORTED { continue }
            guard descriptor >= 0 else { return }
            // A child that inherited it would keep the connection open.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let number = state.withLock { state -> Int? in
                guard !state.isStopped, state.accepted < Self.mostConnections else { return nil }
                state.open.insert(descriptor)
                state.accepted += 1
                return state.accepted - 1
            }
            guard let number else {
                Glibc.close(descriptor)
                return
            }
            let thread = Thread { [self] in
                serve(descriptor, script(number))
                state.withLock { state in
                    // Under the lock: `stop` must not touch a number that was given out anew.
                    state.open.remove(descriptor)
                    _ = Glibc.close(descriptor)
                }
            }
            thread.stackSize = 256 << 10
            thread.start()
        }
    }

    // MARK: Serving

    private func serve(_ descriptor: Int32, _ script: [ServerAction]) {
        var patience = timeval(tv_sec: Self.patience, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        var noDelay: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, 4)
        var connection = Connection(descriptor: descriptor)
        var index = 0
        while index < script.count, !state.withLock({ $0.isStopped }) {
            let action = script[index]
            index += 1
            switch action {
            case .readRequest:
                guard let request = connection.readRequest() else { return }
                state.withLock { $0.requests.append(request) }
            case .readBytes(let count): guard connection.read(count) else { return }
            case .send(let bytes): guard connection.send(bytes) else { return }
            case .wait(let milliseconds): usleep(UInt32(milliseconds) * 1_000)
            case .awaitRemoval(let path):
                var looks = 0
                while looks < 6_000, access(path, F_OK) == 0 {
                    looks += 1
                    usleep(10_000)
                }
            case .close: return
            case .reset:
                var never = linger(l_onoff: 1, l_linger: 0)
                let size = socklen_t(MemoryLayout<linger>.size)
                setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &never, size)
                return
            case .refuseBytes: shutdown(descriptor, Int32(SHUT_RD))
            case .drain: while connection.read(1) {}
            case .hold: connection.awaitHangUp(seconds: Self.patience)
            case .again: index = 0
            }
        }
    }
}

/// The receiving and sending end of one connection.
private struct Connection {
    let descriptor: Int32
    private var pending: [UInt8] = []

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Reads until `pending` has grown; false at the end.
    private mutating func fill() -> Bool {
        var block = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &block, block.count, 0)
        guard count > 0 else { return false }
        pending += block[..<count]
        return true
    }

    mutating func read(_ count: Int) -> Bool {
        while pending.count < count { guard fill() else { return false } }
        pending.removeFirst(count)
        return true
    }

    mutating func readRequest() -> String? {
        let empty = Array("\r\n\r\n".utf8)
        while true {
            if let end = pending.firstRange(of: empty) {
                let head = String(decoding: pending[..<end.upperBound], as: UTF8.self)
                let length = Self.contentLength(head)
                while pending.count < end.upperBound + length {
                    guard fill() else { return nil }
                }
                let whole = pending[..<(end.upperBound + length)]
                let text = String(decoding: whole, as: UTF8.self)
                pending.removeFirst(whole.count)
                return text
            }
            guard fill() else { return nil }
        }
    }

    private static func contentLength(_ head: String) -> Int {
        for line in head.split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { continue }
            return Int(parts[1].filter { $0 != " " }) ?? 0
        }
        return 0
    }

    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func awaitHangUp(seconds: Int) {
        // POLLRDHUP, which the overlay of the C library doesn't have.
        var watched = pollfd(fd: descriptor, events: 0x2000, revents: 0)
        poll(&watched, 1, Int32(seconds * 1_000))
    }
}

/// The loopback address of a place, as bind(2) wants it.
private struct LocalAddress {
    private var bytes: [UInt8]

    init(_ place: ServerPlace) throws {
        switch place {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            bytes = withUnsafeBytes(of: &address) { Array($0) }
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_addr = in6addr_loopback
            bytes = withUnsafeBytes(of: &address) { Array($0) }
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let name = Array(path.utf8)
            guard name.count < MemoryLayout.size(ofValue: address.sun_path) else {
                throw TestFailure("\(path) is too long for a unix socket")
            }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
            bytes = withUnsafeBytes(of: &address) { Array($0) }
        }
    }

    mutating func bind(_ descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes {
            Glibc.bind(
                descriptor,
                $0.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t($0.count)
            ) == 0
        }
    }

    /// The port in host order; 0 for a unix socket.
    static func port(of descriptor: Int32) -> UInt16 {
        var bytes = [UInt8](repeating: 0, count: 128)
        var length = socklen_t(bytes.count)
        let result = bytes.withUnsafeMutableBytes {
            getsockname(
                descriptor,
                $0.assumingMemoryBound(to: sockaddr.self).baseAddress,
                &length
            )
        }
        guard result == 0, bytes[0] != UInt8(AF_UNIX) else { return 0 }
        return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    }
}
