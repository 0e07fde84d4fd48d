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
        guard fd >= 0 else { throw .unreadable(path, for: flag, errno) }
        defer { close(fd) }
        return try drain(fd, name: path, flag: flag)
    }

    /// Whether an output's name is that of a regular file that is read, which links, other paths
    /// and redirections can hide. "-" is standard output, or standard input.
    static func isSame(_ path: String, _ input: String) -> Bool {
        guard path != "-" else { return false }
        var (left, right) = (stat(), stat())
        let isThere = input == "-" ? fstat(STDIN_FILENO, &right) : stat(input, &right)
        guard isThere == 0, stat(path, &left) == 0 else { return false }
        return left.st_mode & S_IFMT == S_IFREG && left.st_dev == right.st_dev
            && left.st_ino == right.st_ino
    }

    /// What an input is called in a sentence.
    static func name(of input: String) -> String { input == "-" ? "standard input" : input }

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
                throw .unreadable(name, for: flag, errno)
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
