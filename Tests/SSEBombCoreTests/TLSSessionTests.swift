// TLS connections: verification, alerts, data in any pieces, closes, resumption and the buffer
// pool, each for TLS 1.2 and 1.3.

import CSupport
import Glibc
import Testing

@testable import SSEBombCore

private func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
}

@Suite struct TLSSessionTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]
    let certificates = Certificates.shared

    private func client(_ version: TLSVersion, host: String = "localhost") throws -> TLSContext {
        try certificates.client(host: host) { $0.maxVersion = version }
    }

    @Test(arguments: versions, ["localhost", "127.0.0.1", "::1", "[::1]", "localhost."])
    func `a good certificate is accepted for its names and addresses`(
        version: TLSVersion,
        host: String
    ) throws {
        let pair = try TLSPair(
            client: client(version, host: host),
            server: certificates.server()
        ).connected()
        #expect(pair.client.session.version == "TLSv\(version.name)")
        #expect(!pair.client.session.cipher.isEmpty)
        #expect(!pair.client.session.isResumed)
        #expect(pair.client.session.failureReason == "no failure")
    }

    @Test(
        arguments: versions,
        [
            ("expired", "localhost", "expired"),
            ("wrong", "localhost", "hostname mismatch"),
            ("wrong", "127.0.0.1", "IP address mismatch"),
            ("stranger", "localhost", "unable to get local issuer certificate"),
        ]
    )
    func `a bad certificate is a verify failure with its reason, and the server sees an alert`(
        version: TLSVersion,
        bad: (certificate: String, host: String, reason: String)
    ) throws {
        let pair = try TLSPair(
            client: client(version, host: bad.host),
            server: certificates.server(bad.certificate)
        )
        pair.settle()
        #expect(pair.client.handshake == .failed(.verify))
        #expect(pair.client.session.failureReason.contains(bad.reason))
        #expect(pair.server.handshake == .failed(.alert))
        #expect(TLSFailure.verify.streamFailure == .tlsVerify)
    }

    @Test(arguments: versions, ["expired", "wrong", "stranger"])
    func `without verification any certificate is accepted`(
        version: TLSVersion,
        name: String
    ) throws {
        let context = try certificates.client {
            $0.maxVersion = version
            $0.verify = false
            $0.caFile = nil
        }
        _ = try TLSPair(client: context, server: certificates.server(name)).connected()
    }

    @Test(arguments: versions)
    func `the sni override is the name that is verified`(version: TLSVersion) throws {
        let context = try certificates.client(host: "localhost") {
            $0.maxVersion = version
            $0.serverName = "elsewhere.example"
        }
        _ = try TLSPair(client: context, server: certificates.server("wrong")).connected()
    }

    @Test(arguments: versions)
    func `a client certificate that is demanded and given is accepted`(version: TLSVersion) throws {
        let context = try certificates.client {
            $0.maxVersion = version
            $0.certFile = certificates.pem("client")
            $0.keyFile = certificates.key("client")
        }
        _ = try TLSPair(client: context, server: certificates.server(clientCA: true)).connected()
    }

    @Test(arguments: versions)
    func `a demanded client certificate that is missing is an alert`(version: TLSVersion) throws {
        let pair = try TLSPair(
            client: client(version),
            server: certificates.server(clientCA: true)
        )
        pair.settle()
        if version == .tls13 {
            // RFC 8446 section 4.4.2.4: the server judges after the client has finished.
            #expect(pair.client.handshake == .done)
            #expect(pair.client.last == .failed(.alert))
            #expect(pair.client.session.failureReason.contains("certificate required"))
        } else {
            #expect(pair.client.handshake == .failed(.alert))
            #expect(pair.client.session.failureReason.contains("handshake failure"))
        }
        #expect(pair.server.handshake == .failed(.handshake))
    }

    @Test func `no common version is a handshake failure on one side and an alert on the other`()
        throws
    {
        let context = try certificates.client { $0.minVersion = .tls13 }
        let pair = try TLSPair(client: context, server: certificates.server(max: .tls12))
        pair.settle()
        #expect(pair.client.handshake == .failed(.alert))
        #expect(pair.server.handshake == .failed(.handshake))
    }

    @Test func `a peer that speaks plain HTTP is a handshake failure`() throws {
        let pair = try TLSPair(client: client(.tls13), server: certificates.server())
        let text = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
        #expect(send(pair.server.descriptor, text, text.count, 0) == text.count)
        #expect(pair.client.turn())
        #expect(pair.client.handshake == .failed(.handshake))
        #expect(pair.client.session.failureReason == "wrong version number")
        #expect(pair.client.feed.unread == 0)
        // A dead connection stays dead, without another look at OpenSSL.
        #expect(pair.client.session.handshake() == .failed(.handshake))
        #expect(pair.client.write([1]) == .failed(.handshake))
    }

    @Test(arguments: versions, [1, 2, 5, 17, 1000, 65536])
    func `data passes both ways whatever the pieces`(version: TLSVersion, slice: Int) throws {
        let pair = try TLSPair(
            client: client(version),
            server: certificates.server(),
            slice: slice
        ).connected()
        for size in [1, 180, 4096, 16384, 16385, 60000] {
            let bytes = pattern(size)
            for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
                to.received = []
                var offset = 0
                while offset < size {
                    guard case .accepted(let count) = from.write(Array(bytes[offset...])) else {
                        Issue.record("write refused at \(offset) of \(size)")
                        return
                    }
                    offset += count
                    pair.settle()
                }
                #expect(to.received == bytes)
            }
        }
        #expect(pair.client.feed.sentBytes > 81_046)
    }

    @Test(arguments: versions)
    func `a large record is given out in parts without touching the socket`(
        version: TLSVersion
    ) throws {
        let pair = try TLSPair(client: client(version), server: certificates.server()).connected()
        let bytes = pattern(16384)
        #expect(pair.server.write(bytes) == .accepted(16384))
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(pair.client.descriptor, &buffer, buffer.count, 0)
        buffer.withUnsafeBytes {
            pair.client.session.offer(UnsafeRawBufferPointer(rebasing: $0[..<count]))
            pair.client.drain(capacity: 100)
        }
        #expect(pair.client.received == bytes)
        #expect(pair.client.last == .wantRead)
    }

    @Test(arguments: versions)
    func `close_notify is an orderly end and a plain close is not`(version: TLSVersion) throws {
        let context = try client(version)
        for notify in [true, false] {
            let pair = try TLSPair(client: context, server: certificates.server()).connected()
            #expect(pair.server.write([1, 2, 3]) == .accepted(3))
            pair.server.close(notify: notify)
            _ = pair.client.turn()
            #expect(pair.client.received == [1, 2, 3])
            #expect(pair.client.last == (notify ? .closeNotify : .wantRead))
            pair.client.drain()
            #expect(pair.client.last == (notify ? .closeNotify : .wantRead))
            #expect(!pair.client.turn())
            #expect(pair.client.sawEnd)
        }
    }

    @Test(arguments: versions)
    func `a write after the peer has closed is a transport failure`(version: TLSVersion) throws {
        let pair = try TLSPair(client: client(version), server: certificates.server()).connected()
        pair.server.close(notify: false)
        #expect(pair.client.write([1]) == .failed(.transport))
        #expect(pair.client.session.failureErrno == EPIPE)
        #expect(pair.client.session.failureReason == "Broken pipe")
        #expect(TLSFailure.transport.streamFailure == .send)
    }

    @Test(arguments: versions)
    func `a damaged record is an alert and leaves nothing in the feed`(version: TLSVersion) throws {
        let pair = try TLSPair(client: client(version), server: certificates.server()).connected()
        #expect(pair.server.write(pattern(100)) == .accepted(100))
        #expect(pair.server.write(pattern(100)) == .accepted(100))
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(pair.client.descriptor, &buffer, buffer.count, 0)
        buffer[60] ^= 1
        buffer.withUnsafeBytes {
            pair.client.session.offer(UnsafeRawBufferPointer(rebasing: $0[..<count]))
            pair.client.drain()
        }
        #expect(pair.client.last == .failed(.alert))
        #expect(pair.client.received.isEmpty)
    }

    @Test(arguments: versions)
    func `a full socket makes a write want to write, and the rest follows`(
        version: TLSVersion
    ) throws {
        let pair = try TLSPair(client: client(version), server: certificates.server()).connected()
        let bytes = pattern(2_000_000)
        var offset = 0
        var refusals = 0
        while offset < bytes.count {
            // A fresh array each time: the address moves, as OpenSSL has to allow.
            switch pair.client.write(Array(bytes[offset...])) {
            case .accepted(let count): offset += count
            case .wantWrite:
                refusals += 1
                pair.settle()
            case let other:
                Issue.record("unexpected \(other)")
                return
            }
        }
        pair.settle()
        #expect(refusals > 0)
        #expect(pair.server.received == bytes)
    }

    @Test(arguments: versions)
    func `the newest session resumes, also after connections that were cut`(
        version: TLSVersion
    ) throws {
        let context = try client(version)
        let server = try certificates.server()
        let feed = TLSFeed()
        defer { feed.destroy() }
        #expect(!feed.hasSession)
        for round in 0..<4 {
            let pair = try TLSPair(client: context, server: server, clientFeed: feed).connected()
            #expect(pair.client.session.isResumed == (round > 0))
            #expect(feed.hasSession)
            pair.client.close(notify: round.isMultiple(of: 2))
        }
        feed.forgetSession()
        let pair = try TLSPair(client: context, server: server, clientFeed: feed).connected()
        #expect(!pair.client.session.isResumed)
    }

    @Test(arguments: versions)
    func `a resumed connection with a client certificate is accepted`(version: TLSVersion) throws {
        let context = try certificates.client {
            $0.maxVersion = version
            $0.certFile = certificates.pem("client")
            $0.keyFile = certificates.key("client")
        }
        let server = try certificates.server(clientCA: true)
        let feed = TLSFeed()
        defer { feed.destroy() }
        for round in 0..<2 {
            let pair = try TLSPair(client: context, server: server, clientFeed: feed).connected()
            #expect(pair.client.session.isResumed == (round > 0))
        }
    }

    /// A handshake whose last flight finds the socket full while more input is at hand.
    private func blockedHandshake(extra: [UInt8]) throws -> (TLSPair, TLSHandshakeOutcome) {
        let pair = try TLSPair(client: client(.tls13), server: certificates.server())
        #expect(pair.client.session.handshake() == .wantRead)
        #expect(pair.server.turn())
        let junk = [UInt8](repeating: 0, count: 4096)
        var size = junk.count
        while size > 0 {
            if send(pair.client.descriptor, junk, size, Int32(MSG_DONTWAIT)) < 0 { size /= 2 }
        }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(pair.client.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        try #require(count > 0)
        let input = Array(buffer[..<count]) + extra
        let outcome = input.withUnsafeBytes { bytes in
            pair.client.session.offer(bytes)
            return pair.client.session.handshake()
        }
        #expect(pair.client.feed.unread == 0)
        return (pair, outcome)
    }

    @Test func `what is left when output blocks is kept and comes first`() throws {
        // Half of a record that doesn't authenticate: what follows fails if, and only if, the kept
        // bytes were read before it.
        let record: [UInt8] = [23, 3, 3, 0, 32] + [UInt8](repeating: 0, count: 32)
        let (pair, outcome) = try blockedHandshake(extra: Array(record[..<20]))
        #expect(outcome == .wantWrite)
        #expect(pair.client.session.handshake() == .wantWrite)
        var sink = [UInt8](repeating: 0, count: 65536)
        while recv(pair.server.descriptor, &sink, sink.count, Int32(MSG_DONTWAIT)) > 0 {}
        #expect(pair.client.session.handshake() == .done)
        pair.client.drain()
        #expect(pair.client.last == .wantRead)
        record[20...].withUnsafeBytes { rest in
            pair.client.session.offer(rest)
            pair.client.drain()
        }
        #expect(pair.client.last == .failed(.alert))
    }

    @Test func `input kept while output blocks is bounded`() throws {
        let (_, outcome) = try blockedHandshake(extra: pattern(1 << 20 | 1))
        #expect(outcome == .failed(.localResource))
    }

    @Test func `connections of one feed don't take each other's bytes`() throws {
        let context = try client(.tls13)
        let server = try certificates.server()
        let feed = TLSFeed()
        defer { feed.destroy() }
        let first = try TLSPair(client: context, server: server, clientFeed: feed).connected()
        #expect(first.server.write([1, 2, 3]) == .accepted(3))
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(first.client.descriptor, &buffer, buffer.count, 0)
        try buffer.withUnsafeBytes { bytes in
            first.client.session.offer(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            let second = try TLSPair(client: context, server: server, clientFeed: feed)
            #expect(second.client.session.handshake() == .wantRead)
            #expect(feed.unread == count)
            second.client.close(notify: false)
            first.client.drain()
        }
        #expect(first.client.received == [1, 2, 3])
    }

    @Test(arguments: versions, [true, false])
    func `an idle connection holds no record buffer`(
        version: TLSVersion,
        hasRead: Bool
    ) throws {
        let context = try client(version)
        let server = try certificates.server()
        var counts: [UInt64] = []
        var pairs: [TLSPair] = []
        for _ in 0..<200 {
            let pair = try TLSPair(client: context, server: server).connected()
            if hasRead {
                #expect(pair.server.write([1]) == .accepted(1))
                pair.settle()
            }
            pairs.append(pair)
            var reused: UInt64 = 0
            var allocated: UInt64 = 0
            csup_tls_pool_counts(&reused, &allocated)
            counts.append(allocated)
        }
        // All connections together live on the buffers that the first few of them brought in.
        #expect(counts.last == counts.dropFirst(4).first)
    }

    @Test func `a record's buffer is reused and not allocated anew`() throws {
        let pair = try TLSPair(client: client(.tls13), server: certificates.server()).connected()
        var before: (reused: UInt64, allocated: UInt64) = (0, 0)
        csup_tls_pool_counts(&before.reused, &before.allocated)
        for _ in 0..<100 {
            #expect(pair.server.write(pattern(180)) == .accepted(180))
            pair.settle()
        }
        var after: (reused: UInt64, allocated: UInt64) = (0, 0)
        csup_tls_pool_counts(&after.reused, &after.allocated)
        #expect(pair.client.received.count == 18_000)
        #expect(after.allocated == before.allocated)
        // One to write and one to read each record; asking for more input takes none.
        #expect(after.reused - before.reused == 200)
    }
}
