// Files that appear whole under their name or not at all, where the whole is known at once; why an
// output could not be written; and where a path leads. Knows nothing of what is written.

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

    /// - Parameter flag: the flag that named the path, and can name another.
    init(_ path: String, _ code: Int32, flag: String, whole: Bool = true) {
        self.code = code
        let name = path == "-" ? "standard output" : path
        let cause = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        let kept = whole ? "; nothing was written under that name" : ""
        sentence = "can't write \(name): \(cause)\(kept): \(Self.remedy(code, flag))"
    }

    private static func remedy(_ code: Int32, _ flag: String) -> String {
        switch code {
        case ENOSPC, EDQUOT: "free some space, or name a file on another disk with \(flag)"
        case EACCES, EPERM, EROFS: "name a place you may write to with \(flag)"
        case ENOENT, ENOTDIR: "create its directory first, or name another with \(flag)"
        case EISDIR: "that is a directory, name a file in it with \(flag)"
        case ENXIO, EAGAIN: "nobody reads it, start its reader first or name a file with \(flag)"
        case EPIPE: "whoever read it has closed the pipe"
        default: "name another file with \(flag)"
        }
    }
}

/// Writes whole files.
public enum AtomicFile {
    /// Writes `bytes` under `path`, the value of `flag`; "-" is standard output.
    ///
    /// A regular file is replaced in one step and keeps its permissions; through a symbolic link
    /// the file it leads to is replaced. Devices and pipes can't be replaced: they are written to.
    public static func write(
        _ bytes: [UInt8],
        to path: String,
        flag: String = "-o"
    ) throws(OutputError) {
        try write(bytes, to: path, flag: flag, writer: Glibc.write)
    }

    static func write(
        _ bytes: [UInt8],
        to path: String,
        flag: String = "-o",
        writer: @escaping GrowingFile.Writer
    ) throws(OutputError) {
        let file = try GrowingFile(path: path, flag: flag, writer: writer)
        try file.append(bytes)
        try file.finish()
    }

    /// Finds out before any work whether `path`, the value of `flag`, could be written: its
    /// directory exists and may be written to, and the name is not that of a directory. Creates
    /// nothing.
    public static func check(_ path: String, flag: String = "-o") throws(OutputError) {
        guard path != "-" else { return }
        switch try target(of: path, flag) {
        case .stream:
            guard access(path, W_OK) == 0 else { throw OutputError(path, errno, flag: flag) }
        case .file(let real, _):
            guard access(directory(of: real), W_OK | X_OK) == 0 else {
                throw OutputError(path, errno, flag: flag)
            }
        }
    }

    // MARK: Where to

    /// What a path leads to.
    enum Target {
        /// A device, pipe or socket.
        case stream
        /// A regular file or none yet, with the permissions it has.
        case file(path: String, mode: mode_t?)
    }

    static func target(of path: String, _ flag: String) throws(OutputError) -> Target {
        guard !path.isEmpty, !path.hasSuffix("/") else {
            throw OutputError(path, EISDIR, flag: flag)
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw OutputError(path, errno, flag: flag) }
            return .file(path: path, mode: nil)
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: throw OutputError(path, EISDIR, flag: flag)
        case S_IFREG:
            guard let real = resolved(path) else { throw OutputError(path, errno, flag: flag) }
            return .file(path: real, mode: status.st_mode & 0o7777)
        default: return .stream
        }
    }

    /// Where a regular file named `path` is or would be, in one spelling for all that lead there;
    /// nil for what is none, and where there is no such directory.
    public static func place(of path: String) -> String? {
        var name = path
        // As many links as the kernel follows (path_resolution(7)).
        for _ in 0..<40 {
            var status = stat()
            if stat(name, &status) == 0 {
                return status.st_mode & S_IFMT == S_IFREG ? resolved(name) : nil
            }
            guard let link = destination(of: name) else {
                let last =
                    name.lastIndex(of: "/").map { name[name.index(after: $0)...] } ?? name[...]
                return resolved(directory(of: name)).map { "\($0)/\(last)" }
            }
            name = link.hasPrefix("/") ? link : "\(directory(of: name))/\(link)"
        }
        return nil
    }

    private static func resolved(_ path: String) -> String? {
        guard let text = realpath(path, nil) else { return nil }
        defer { free(text) }
        return String(cString: text)
    }

    /// Where a symbolic link leads; nil for what is none.
    private static func destination(of path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a new name survive a crash. Best effort: the file is whole either way, and some file
    /// systems refuse to sync directories.
    static func syncDirectory(of path: String) {
        let descriptor = open(directory(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
