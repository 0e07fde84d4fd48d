// Helpers of the TLS tests: certificates made with openssl, and a client against a server over a
// socket pair in one thread. Ciphertext is received and offered as a loop does it, in pieces of any
// size.

import Glibc
import Testing

@testable import SSEBombCore

/// The certificates of make-certs.sh, made once per test process.
struct Certificates {
    static let shared = Certificates()
    let directory: String

    private init() {
        let scratch = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        directory = "\(scratch)/ssebomb-certs-\(getpid())"
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        Self.run(["/bin/sh", "/\(tests)/Fixtures/make-certs.sh", directory])
        atexit { Certificates.run(["/bin/rm", "-rf", Certificates.shared.directory]) }
    }

    private static func run(_ arguments: [String]) {
        var vector = arguments.map { strdup($0) } + [nil]
        defer { vector.forEach { free($0) } }
        var process: pid_t = 0
        let error = posix_spawn(&process, arguments[0], nil, nil, &vector, environ)
        precondition(error == 0, "cannot run \(arguments[0])")
        var status: Int32 = 0
        while waitpid(process, &status, 0) == -1, errno == EINTR {}
        precondition(status == 0, "\(arguments) failed; is openssl installed?")
    }

    func pem(_ name: String) -> String { "\(directory)/\(name).pem" }
    func key(_ name: String) -> String { "\(directory)/\(name).key" }

    func server(
        _ name: String = "good",
        clientCA: Bool = false,
        max: TLSVersion? = nil
    ) throws -> TLSContext {
        var options = TLSServerOptions(.files(certificate: pem(name), key: key(name)))
        options.clientCAFile = clientCA ? pem("client-ca") : nil
        options.maxVersion = max
        return try TLSContext.server(options)
    }

    func client(
        host: String = "localhost",
        _ change: (inout TLSClientOptions) -> Void = { _ in }
    ) throws -> TLSContext {
        var options = TLSClientOptions()
        options.caFile = pem("ca")
        change(&options)
        return try TLSContext.client(options, host: host)
    }
}

/// One end of a connection: what a loop would hold for it.
final class TLSEnd {
    let session: TLSSession
    let feed: TLSFeed
    let descriptor: Int32
    let slice: Int
    private let ownsFeed: Bool
    private var isSessionOpen = true
    var handshake: TLSHandshakeOutcome = .wantRead
    var received: [UInt8] = []
    var last: TLSReadOutcome = .wantRead
    var sawEnd = false

    init(
        client context: TLSContext? = nil,
        server: TLSContext? = nil,
        descriptor: Int32,
        feed: TLSFeed?,
        slice: Int
    ) throws {
        ownsFeed = feed == nil
        let feed = feed ?? TLSFeed()
        self.feed = feed
        self.descriptor = descriptor
        self.slice = slice
        let made =
            if let context {
                TLSSession(client: context, feed: feed, descriptor: descriptor, resume: true)
            } else {
                server.flatMap { TLSSession(server: $0, feed: feed, descriptor: descriptor) }
            }
        session = try #require(made)
    }

    func close(notify: Bool) {
        guard isSessionOpen else { return }
        isSessionOpen = false
        session.close(notify: notify)
        Glibc.close(descriptor)
    }

    deinit {
        close(notify: false)
        if ownsFeed { feed.destroy() }
    }

    /// Receives once, offers it in slices and takes it in; true if anything arrived.
    func turn() -> Bool {
        if handshake == .wantRead { handshake = session.handshake() }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count == 0 { sawEnd = true }
        guard count > 0 else { return false }
        buffer.withUnsafeBytes { bytes in
            var offset = 0
            while offset < count {
                let end = min(offset + slice, count)
                session.offer(UnsafeRawBufferPointer(rebasing: bytes[offset..<end]))
                takeOffered()
                offset = end
            }
        }
        return true
    }

    private func takeOffered() {
        if handshake != .done {
            handshake = session.handshake()
            guard handshake == .done else {
                #expect(feed.unread == 0)
                return
            }
        }
        drain()
    }

    func drain(capacity: Int = 4096) {
        withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { plain in
            while true {
                last = session.read(into: plain)
                guard case .bytes(let count) = last else { break }
                received.append(contentsOf: plain[..<count])
            }
        }
        #expect(feed.unread == 0, "bytes left in the feed after \(last)")
    }

    func write(_ bytes: [UInt8]) -> TLSWriteOutcome { bytes.withUnsafeBytes { session.write($0) } }
}

struct TLSPair {
    let client: TLSEnd
    let server: TLSEnd

    init(
        client: TLSContext,
        server: TLSContext,
        clientFeed: TLSFeed? = nil,
        slice: Int = 65536
    ) throws {
        var ends: [Int32] = [-1, -1]
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        try #require(socketpair(AF_UNIX, flags, 0, &ends) == 0)
        self.client = try TLSEnd(
            client: client,
            descriptor: ends[0],
            feed: clientFeed,
            slice: slice
        )
        self.server = try TLSEnd(server: server, descriptor: ends[1], feed: nil, slice: slice)
    }

    /// Lets both ends work until neither receives anything more.
    func settle() {
        for _ in 0..<10_000 {
            let clientMoved = client.turn()
            let serverMoved = server.turn()
            if !clientMoved, !serverMoved { return }
        }
        Issue.record("the two ends never came to rest")
    }

    func connected() -> TLSPair {
        settle()
        #expect(client.handshake == .done)
        #expect(server.handshake == .done)
        return self
    }
}
