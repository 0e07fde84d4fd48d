// The one buffer a loop reads into. Parsing happens in place, so its bytes are valid only until the
// loop's next read: whatever must live longer goes to a spill.

import Glibc

/// Page-aligned block of fixed size, owned by one loop.
struct ReceiveBuffer: ~Copyable {
    /// One read takes what a socket usually holds; a read that fills it is counted as full.
    static let size = 256 * 1_024
    let base: UnsafeMutableRawPointer

    init() { base = .allocate(byteCount: Self.size, alignment: 4_096) }
    deinit { base.deallocate() }
}
