// A trace as a mapped file: its lines one after the other, in bounded memory however long it is.
// Knows no format.

import Glibc

/// The lines of a part of a mapped file, without their ends; blank ones are left out.
struct TraceLines: BitwiseCopyable {
    /// What lies further back than this is given back to the kernel, which has it in the file.
    private static let keptBehind = 16 << 20
    private static let pageMask = 0xFFFF

    private let base: UnsafeRawPointer
    private let end: Int
    /// Where the next line begins, from the start of the file.
    private(set) var position: Int
    /// Number of the last line that was given, from 1.
    private(set) var number: UInt64
    /// Where it begins.
    private(set) var start: Int
    private var released: Int

    /// The lines of `file` from `start` to `end`; `number` are before them.
    init(_ file: UnsafeRawBufferPointer, from start: Int, to end: Int, after number: UInt64) {
        // A file that isn't empty; ArrivalTrace sees to that.
        base = file.baseAddress.unsafelyUnwrapped
        self.end = end
        position = start
        self.number = number
        self.start = start
        released = start & ~Self.pageMask
    }

    mutating func next() -> UnsafeRawBufferPointer? {
        while position < end {
            start = position
            let found = memchr(base + start, 0x0A, end - start)
            var stop = end
            if let found { stop = UnsafeRawPointer(found) - base }
            position = min(end, stop + 1)
            number += 1
            if position - released > 2 * Self.keptBehind { release() }
            while stop > start, base.load(fromByteOffset: stop - 1, as: UInt8.self) <= 0x20 {
                stop -= 1
            }
            if stop > start {
                return UnsafeRawBufferPointer(start: base + start, count: stop - start)
            }
        }
        return nil
    }

    /// A mapping that is read once counts as this process's memory to its end, and crowds out that
    /// of others. Whoever still holds a row there gets it from the page cache.
    private mutating func release() {
        let stop = (start - Self.keptBehind) & ~Self.pageMask
        guard stop > released else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + released), stop - released, MADV_DONTNEED)
        released = stop
    }
}

/// A file that is mapped for reading.
struct TraceMapping {
    let bytes: UnsafeRawBufferPointer

    /// `flag` and `path` are for the sentence of an error.
    init(_ path: String, flag: String) throws(SetupError) {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw .unreadable(path, for: flag, errno) }
        defer { close(fd) }
        var facts = stat()
        guard fstat(fd, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw SetupError(
                .usage,
                "\(flag): \(path) isn't a regular file: a trace is read more than once"
            )
        }
        guard facts.st_size > 0 else {
            throw SetupError(.usage, "\(flag): \(path) is empty: name a trace")
        }
        let size = Int(facts.st_size)
        guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, fd, 0), start != MAP_FAILED else {
            let words = Errno(code: errno).sentence
            throw SetupError(.system, "\(flag): can't map \(path): \(words); check the path")
        }
        madvise(start, size, MADV_SEQUENTIAL)
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    func unmap() {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }
}
