// Addresses and their numeric text, resolution without a name server, and room for streams.

import Glibc
import Testing

@testable import SSEBombCore

@Suite("Socket address") struct SocketAddressTests {
    @Test(
        "A literal resolves to itself",
        arguments: [
            ("127.0.0.1", 8_080, "127.0.0.1:8080", false), ("::1", 443, "[::1]:443", true),
            ("2001:db8:0:0::2", 1, "[2001:db8::2]:1", true),
            ("10.1.2.3", 65_535, "10.1.2.3:65535", false),
        ] as [(String, UInt16, String, Bool)]
    )
    func literal(host: String, port: UInt16, text: String, isIPv6: Bool) throws {
        let found = try SocketAddress.resolve(host: host, port: port, numericOnly: true)
        #expect(found.map(\.text) == [text])
        #expect(found.first?.isIPv6 == isIPv6)
        #expect(found.first?.isUnix == false)
        #expect(found.first?.family == (isIPv6 ? AF_INET6 : AF_INET))
    }

    @Test("The bytes are those of the kernel's structure") func bytes() throws {
        let address = try #require(
            try SocketAddress.resolve(host: "127.0.0.1", port: 0x1234, numericOnly: true).first
        )
        #expect(Int(address.length) == MemoryLayout<sockaddr_in>.size)
        let parsed = address.withRaw { $0.loadUnaligned(as: sockaddr_in.self) }
        #expect(parsed.sin_port == UInt16(0x1234).bigEndian)
        #expect(parsed.sin_addr.s_addr == UInt32(0x7F00_0001).bigEndian)
    }

    @Test("A family that was asked for is the only one") func families() throws {
        let four = try SocketAddress.resolve(host: "127.0.0.1", port: 1, family: .ipv4)
        #expect(four.allSatisfy { !$0.isIPv6 } && four.count == 1)
        #expect(throws: SetupError.self) {
            try SocketAddress.resolve(host: "127.0.0.1", port: 1, family: .ipv6, numericOnly: true)
        }
        #expect(throws: SetupError.self) {
            try SocketAddress.resolve(host: "::1", port: 1, family: .ipv4, numericOnly: true)
        }
    }

    @Test("A name where only a literal will do is refused with the name and a remedy")
    func nameRefused() throws {
        do {
            _ = try SocketAddress.resolve(host: "name.example", port: 1, numericOnly: true)
            Issue.record("a name was accepted as a literal")
        } catch {
            #expect(error.kind == .unavailable)
            #expect(error.sentence.contains("name.example"))
        }
    }

    @Test("No address is found twice") func noDuplicates() throws {
        let found = try SocketAddress.resolve(host: "localhost", port: 80)
        #expect(Set(found).count == found.count && !found.isEmpty)
    }

    @Test("A unix path of up to 107 bytes is an address", arguments: [1, 106, 107])
    func unixPath(length: Int) throws {
        let path = "/" + String(repeating: "p", count: length - 1)
        let address = try SocketAddress(unixPath: path)
        #expect(address.isUnix && !address.isIPv6)
        #expect(address.text == "unix:\(path)")
        let parsed = address.withRaw { $0.loadUnaligned(as: sockaddr_un.self) }
        #expect(parsed.sun_family == sa_family_t(AF_UNIX))
        let kept = withUnsafeBytes(of: parsed.sun_path) { Array($0.prefix(while: { $0 != 0 })) }
        #expect(kept == Array(path.utf8))
    }

    @Test("A longer unix path is refused with both lengths") func unixPathTooLong() {
        do {
            _ = try SocketAddress(unixPath: String(repeating: "p", count: 108))
            Issue.record("a path was accepted that the kernel would cut")
        } catch {
            #expect(error.kind == .usage)
            #expect(error.sentence.contains("108") && error.sentence.contains("107"))
        }
    }
}

@Suite("Errno") struct ErrnoTests {
    @Test("A negated errno becomes an error, a value stays one") func checkedResults() throws {
        #expect(try checked(Int32(7)) == 7)
        #expect(try checked(0) == 0)
        #expect(throws: Errno(code: ECONNREFUSED)) { try checked(-ECONNREFUSED) }
        #expect(throws: Errno(code: EMFILE)) { _ = try FileDescriptor(owning: -EMFILE).number }
    }

    @Test("An error has the C library's words") func words() {
        #expect(Errno(code: ECONNREFUSED).sentence == "Connection refused")
        #expect(!Errno(code: 99_999).sentence.isEmpty)
    }
}

@Suite("Capacity") struct CapacityTests {
    private static let capacity = Capacity(
        descriptorLimit: 100_000,
        descriptorsFree: 90_000,
        portsPerPair: 28_000
    )

    private func plan(_ streams: Int, to addresses: [SocketAddress]) -> RunPlan {
        let request = RequestSpecification(
            method: "GET",
            scheme: "http",
            host: "127.0.0.1",
            port: 80,
            target: "/"
        )
        return RunPlan(
            request: request,
            addresses: addresses,
            streams: streams,
            duration: 1,
            threads: 1,
            cpus: []
        )
    }

    private func loopback(_ last: Int) throws -> SocketAddress {
        let found = try SocketAddress.resolve(host: "127.0.0.\(last)", port: 80, numericOnly: true)
        return try #require(found.first)
    }

    private func refusal(_ plan: RunPlan) -> String? {
        do {
            try Self.capacity.check([plan])
            return nil
        } catch { return error.kind == .usage ? error.sentence : "wrong kind" }
    }

    @Test("What the machine has is plausible, and more threads leave less of it")
    func plausible() {
        let machine = Capacity(threads: 1)
        #expect(machine.descriptorsFree > 0)
        #expect(machine.descriptorsFree < machine.descriptorLimit)
        #expect((1...65_536).contains(machine.portsPerPair))
        // Other tests open and close descriptors meanwhile: hence a coarse comparison.
        #expect(Capacity(threads: 200).descriptorsFree + 200 < machine.descriptorsFree)
    }

    @Test("A unix target needs descriptors only; one too many is refused with what fits")
    func descriptors() throws {
        let address = try SocketAddress(unixPath: "/x")
        #expect(refusal(plan(90_000, to: [address])) == nil)
        let sentence = try #require(refusal(plan(90_001, to: [address])))
        #expect(sentence.contains("use -c 90000,") && sentence.contains("100000"))
    }

    @Test("Ports count for each pair of source and target address") func ports() throws {
        let one = try loopback(1)
        #expect(refusal(plan(28_000, to: [one])) == nil)
        let sentence = try #require(refusal(plan(28_001, to: [one])))
        #expect(sentence.contains("use -c 28000,") && sentence.contains("--source-ip"))
        #expect(refusal(plan(56_000, to: [one, try loopback(2)])) == nil)
        var spread = plan(56_000, to: [one])
        spread.sourceAddresses = [one, try loopback(2)]
        #expect(refusal(spread) == nil)
        spread.streams = 56_001
        #expect(refusal(spread) != nil)
        spread.sourceAddresses = [one]
        #expect(refusal(spread) != nil)
    }
}
