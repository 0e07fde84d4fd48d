// Files that appear whole under their name or not at all: written aside in the same directory,
// brought to the disk, then renamed. Knows nothing of what is written.

import Glibc

/// Why an output could not be written: one sentence with the path, the cause and the remedy.
public struct OutputError: Error, Sendable {
    /// The system's error number, e.g. `ENOSPC`; 0 where the system isn't at fault.
    public let code: Int32
    /// Full sentence for the user.
    public let sentence: String
    /// Whether the reader of a pipe went away, which is no fault worth a message.
    public var isBrokenPipe: Bool { code == EPIPE }

    init(sentence: String) {
        code = 0
        self.sentence = sentence
    }

    init(_ path: String, _ code: Int32, whole: Bool = true) {
        self.code = code
        let name = path == "-" ? "standard output" : path
        let cause = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        let kept = whole ? "; nothing was written under that name" : ""
        sentence = "can't write \(name): \(cause)\(kept): \(Self.remedy(code))"
    }

    private static func remedy(_ code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT: "free some space, or name a file on another disk with -o"
        case EACCES, EPERM, EROFS: "name a place you may write to with -o"
        case ENOENT, ENOTDIR: "create its directory first, or name another with -o"
        case EISDIR: "that is a directory, name a file in it with -o"
        case EPIPE: "whoever read it has closed the pipe"
        default: "name another file with -o"
        }
    }
}

/// Writes whole files.
public enum AtomicFile {
    /// write(2), or what stands in for it.
    typealias Writer = (Int32, UnsafeRawPointer, Int) -> Int

    /// Writes `bytes` under `path`; "-" is standard output.
    ///
    /// A regular file is replaced in one step and keeps its permissions; through a symbolic link
    /// the file it leads to is replaced. Devices and pipes can't be replaced: they are written to.
    public static func write(_ bytes: [UInt8], to path: String) throws(OutputError) {
        try write(bytes, to: path, writer: Glibc.write)
    }

    static func write(
        _ bytes: [UInt8],
        to path: String,
        writer: Writer
    ) throws(OutputError) {
        if path == "-" {
            if let code = writeAll(bytes, to: STDOUT_FILENO, writer) {
                throw OutputError(path, code, whole: false)
            }
            return
        }
        switch try target(of: path) {
        case .stream: try writeThrough(bytes, path, writer)
        case .file(let real, let mode): try replace(path, real, mode, bytes, writer)
        }
    }

    /// Finds out before any work whether `write` could succeed: the directory exists and may be
    /// written to, and the name is not that of a directory. Creates nothing.
    public static func check(_ path: String) throws(OutputError) {
        guard path != "-" else { return }
        switch try target(of: path) {
        case .stream:
            guard access(path, W_OK) == 0 else { throw OutputError(path, errno) }
        case .file(let real, _):
            guard access(directory(of: real), W_OK | X_OK) == 0 else {
                throw OutputError(path, errno)
            }
        }
    }

    // MARK: Where to

    private enum Target {
        /// A device, pipe or socket.
        case stream
        /// A regular file or none yet, with the permissions it has.
        case file(path: String, mode: mode_t?)
    }

    private static func target(of path: String) throws(OutputError) -> Target {
        guard !path.isEmpty, !path.hasSuffix("/") else { throw OutputError(path, EISDIR) }
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw OutputError(path, errno) }
            return .file(path: path, mode: nil)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: throw OutputError(path, EISDIR)
        case S_IFREG:
            guard let resolved = realpath(path, nil) else { throw OutputError(path, errno) }
            defer { free(resolved) }
            return .file(path: String(cString: resolved), mode: status.st_mode & 0o7777)
        default: return .stream
        }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    // MARK: Writing

    private static func writeThrough(
        _ bytes: [UInt8],
        _ path: String,
        _ writer: Writer
    ) throws(OutputError) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw OutputError(path, errno, whole: false) }
        let failure = writeAll(bytes, to: descriptor, writer)
        let closed = close(descriptor) == 0 ? nil : errno
        if let code = failure ?? closed { throw OutputError(path, code, whole: false) }
    }

    private static func replace(
        _ path: String,
        _ real: String,
        _ mode: mode_t?,
        _ bytes: [UInt8],
        _ writer: Writer
    ) throws(OutputError) {
        let aside = "\(real).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).tmp"
        // O_EXCL: never through a link that someone laid there.
        let descriptor = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw OutputError(path, errno) }
        var failure = writeAll(bytes, to: descriptor, writer)
        if failure == nil, let mode, fchmod(descriptor, mode) != 0 { failure = errno }
        // Some file systems tell of a full disk only here.
        if failure == nil, fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == nil { failure = errno }
        if failure == nil, rename(aside, real) != 0 { failure = errno }
        if let failure {
            unlink(aside)
            throw OutputError(path, failure)
        }
        syncDirectory(directory(of: real))
    }

    /// Makes the new name survive a crash. Best effort: the file is whole either way, and some file
    /// systems refuse to sync directories.
    private static func syncDirectory(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// Nil, or the error number of the write that failed.
    private static func writeAll(
        _ bytes: [UInt8],
        to descriptor: Int32,
        _ writer: Writer
    ) -> Int32? {
        bytes.withUnsafeBytes { buffer -> Int32? in
            var rest = buffer[...]
            while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
                let written = writer(descriptor, start, rest.count)
                if written > 0 {
                    rest = rest.dropFirst(written)
                } else if written == 0 {
                    return ENOSPC
                } else if errno == EAGAIN {
                    // A terminal or pipe that another program made non-blocking.
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&ready, 1, -1)
                } else if errno != EINTR {
                    return errno
                }
            }
            return nil
        }
    }
}
