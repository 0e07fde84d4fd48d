// Reading a file named on the command line, whole and bounded. Knows nothing of what is in it.

import Glibc
import SSEBombCore

/// Reads files for flags.
enum FileInput {
    /// Far beyond any prompt; a device that never ends must not take all memory.
    static let largest = 256 << 20

    /// The bytes of `path` ("-" is standard input) for `flag`; the error names both.
    static func read(_ path: String, for flag: String) throws(SetupError) -> [UInt8] {
        if path == "-" { return try drain(STDIN_FILENO, name: "standard input", flag: flag) }
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else {
            let words = Errno(code: errno).sentence
            throw SetupError(.usage, "\(flag): can't read \(path): \(words); check the path")
        }
        defer { close(fd) }
        return try drain(fd, name: path, flag: flag)
    }

    /// Whether two names are of one regular file, which links and other paths can hide.
    static func isSame(_ path: String, _ other: String) -> Bool {
        guard path != "-", other != "-" else { return false }
        var (left, right) = (stat(), stat())
        guard stat(path, &left) == 0, stat(other, &right) == 0 else { return false }
        return left.st_mode & S_IFMT == S_IFREG && left.st_dev == right.st_dev
            && left.st_ino == right.st_ino
    }

    private static func drain(
        _ fd: Int32,
        name: String,
        flag: String
    ) throws(SetupError) -> [UInt8] {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(fd, &block, block.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                let words = Errno(code: errno).sentence
                throw SetupError(.usage, "\(flag): can't read \(name): \(words); check the path")
            }
            guard bytes.count + count <= largest else {
                throw SetupError(
                    .usage,
                    "\(flag): \(name) is larger than 256 MiB: use a smaller one"
                )
            }
            bytes += block[..<count]
        }
    }

    /// The value of an environment variable, nil where it isn't set.
    static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }
}
