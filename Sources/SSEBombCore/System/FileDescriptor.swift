// Sole owner of a descriptor: a second close doesn't compile, a forgotten one can't happen.
// Slots hold bare numbers instead, because they live in raw memory; their loop closes them.

import Glibc

/// An open descriptor, closed when its owner goes away.
struct FileDescriptor: ~Copyable {
    let number: Int32

    /// Takes ownership of "fd or negated errno".
    init(owning result: Int32) throws(Errno) {
        guard result >= 0 else { throw Errno(code: -result) }
        number = result
    }

    deinit { close(number) }
}
