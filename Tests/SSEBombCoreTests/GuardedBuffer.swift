// A copy of bytes that ends exactly at an inaccessible page, so that a decoder that reads one byte
// past its input crashes the test instead of passing by luck. It knows nothing of what the bytes
// mean.

import Glibc

/// Owns a private mapping whose last usable byte is the last byte given; the page behind it has no
/// access rights.
final class GuardedBuffer {
    /// The bytes given. An empty one points at the forbidden page itself. Valid only while the
    /// object lives, and Swift may end that after its last mention: a temporary's bytes are gone
    /// at once. `withBytes` holds it.
    let bytes: UnsafeRawBufferPointer

    private let mapping: UnsafeMutableRawPointer
    private let mappingLength: Int

    init(_ content: [UInt8]) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let usable = (content.count + page - 1) / page * page
        mappingLength = usable + page
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        let mapped = mmap(nil, mappingLength, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let mapped, mapped != MAP_FAILED else {
            preconditionFailure("mmap of a guarded buffer failed, errno \(errno)")
        }
        mapping = mapped
        let start = mapped + (usable - content.count)
        content.withUnsafeBytes { source in
            if let base = source.baseAddress, source.count > 0 {
                start.copyMemory(from: base, byteCount: source.count)
            }
        }
        guard mprotect(mapped + usable, page, PROT_NONE) == 0 else {
            preconditionFailure("mprotect of the guard page failed, errno \(errno)")
        }
        bytes = UnsafeRawBufferPointer(start: start, count: content.count)
    }

    /// Gives `body` the bytes, which are valid until it returns.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(bytes) }
    }

    deinit {
        munmap(mapping, mappingLength)
    }
}
