// A file of the user in memory, for as long as a run takes: mapped where it is a regular file, so
// that only what is read is loaded and every loop shares it. Knows nothing of what is in it.

import Glibc

/// Read-only bytes of one file.
///
/// A file that is cut short by somebody else while it is mapped ends the process when the missing
/// part is read: the kernel has no other way to say so.
public final class MappedFile: @unchecked Sendable {
    // Unchecked: the bytes are never written after `init`.
    /// What to call it in a sentence.
    public let name: String
    /// Its content.
    public let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

    /// The most that is read of what can't be mapped, such as a pipe: a device that never ends must
    /// not take all memory.
    public static let largestRead = 256 << 20

    /// Maps the file at `path`; what can't be mapped is read.
    ///
    /// - Parameters:
    ///   - path: "-" is standard input.
    ///   - flag: the flag that names it, for the error's sentence.
    public init(path: String, for flag: String) throws(SetupError) {
        let isInput = path == "-"
        let name = isInput ? "standard input" : path
        self.name = name
        func refused(_ code: Int32) -> SetupError { .unreadable(name, for: flag, code) }
        let fd = isInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw refused(errno) }
        defer { if !isInput { close(fd) } }
        var facts = stat()
        guard fstat(fd, &facts) == 0 else { throw refused(errno) }
        guard facts.st_mode & S_IFMT != S_IFDIR else { throw refused(EISDIR) }
        if facts.st_mode & S_IFMT == S_IFREG, !isInput, facts.st_size > 0 {
            let size = Int(facts.st_size)
            let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, fd, 0)
            guard let memory, memory != MAP_FAILED else { throw refused(errno) }
            bytes = UnsafeRawBufferPointer(start: memory, count: size)
            isMapped = true
        } else {
            bytes = try Self.drain(fd, name: name, flag: flag)
            isMapped = false
        }
        guard !bytes.isEmpty else {
            throw SetupError(.usage, "\(flag): \(name) is empty: put at least one line in it")
        }
    }

    /// A copy of `content` under a name.
    init(_ content: [UInt8], name: String) {
        self.name = name
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: content.count,
            alignment: 16
        )
        memory.copyBytes(from: content)
        bytes = UnsafeRawBufferPointer(memory)
        isMapped = false
    }

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        } else {
            bytes.deallocate()
        }
    }

    private static func drain(
        _ fd: Int32,
        name: String,
        flag: String
    ) throws(SetupError) -> UnsafeRawBufferPointer {
        var content: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(fd, &block, block.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .unreadable(name, for: flag, errno)
            }
            guard content.count + count <= largestRead else {
                throw SetupError(
                    .usage,
                    "\(flag): \(name) is a stream of more than 256 MiB: save it to a file first"
                )
            }
            content += block[..<count]
        }
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: content.count,
            alignment: 16
        )
        memory.copyBytes(from: content)
        return UnsafeRawBufferPointer(memory)
    }
}
