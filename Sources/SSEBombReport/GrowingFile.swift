// A file that is written piece by piece and takes its name only at the end: until then it stands
// aside in the same directory, and if it is given up it is gone. Devices and pipes are written to
// as they are. Knows nothing of what is written.

import Glibc

/// An output that is under way. Ended by `finish`; given up with its last reference otherwise.
public final class GrowingFile {
    /// write(2), or what stands in for it.
    typealias Writer = (Int32, UnsafeRawPointer, Int) -> Int

    /// The name that the file has until it is finished; nil where there is nothing to clean up.
    /// Whoever ends the process without `finish` removes it.
    public let aside: String?

    private let path: String
    private let flag: String
    private let writer: Writer
    /// What `aside` becomes, and the permissions that it had.
    private let target: (path: String, mode: mode_t?)?
    private var descriptor: Int32

    /// Opens `path` for the value of `flag`. "-" is standard output.
    public convenience init(path: String, flag: String) throws(OutputError) {
        try self.init(path: path, flag: flag, writer: Glibc.write)
    }

    init(path: String, flag: String, writer: @escaping Writer) throws(OutputError) {
        self.path = path
        self.flag = flag
        self.writer = writer
        if path == "-" {
            (aside, target, descriptor) = (nil, nil, STDOUT_FILENO)
            return
        }
        switch try AtomicFile.target(of: path, flag) {
        case .stream:
            (aside, target) = (nil, nil)
            descriptor = Self.openStream(path)
        case .file(let real, let mode):
            let name = "\(real).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).tmp"
            // O_EXCL: never through a link that someone laid there.
            descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            (aside, target) = (name, (real, mode))
        }
        guard descriptor >= 0 else { throw failure(errno) }
    }

    /// Opens a device or pipe. That of a named pipe would wait for a reader for ever, and no signal
    /// that asks for an end in good order would get through (fifo(7)): one has ten seconds to come.
    private static func openStream(_ path: String) -> Int32 {
        for _ in 0..<100 {
            let opened = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
            guard opened < 0, errno == ENXIO else { return opened }
            usleep(100_000)
        }
        errno = ENXIO
        return -1
    }

    deinit { abandon() }

    private func failure(_ code: Int32) -> OutputError {
        OutputError(path, code, flag: flag, whole: target != nil)
    }

    /// Writes on. What was written before stands only once `finish` was called.
    public func append(_ bytes: [UInt8]) throws(OutputError) {
        if let code = writeAll(bytes) { throw failure(code) }
    }

    /// Brings everything to the disk and gives the file its name, in place of what had it before.
    public func finish() throws(OutputError) {
        guard let target, let aside else {
            // Standard output is others' to close.
            if path != "-", close(descriptor) != 0 { throw failure(errno) }
            descriptor = -1
            return
        }
        var code: Int32?
        if let mode = target.mode, fchmod(descriptor, mode) != 0 { code = errno }
        // Some file systems tell of a full disk only here.
        if code == nil, fsync(descriptor) != 0 { code = errno }
        if close(descriptor) != 0, code == nil { code = errno }
        descriptor = -1
        if code == nil, rename(aside, target.path) != 0 { code = errno }
        if let code {
            unlink(aside)
            throw failure(code)
        }
        AtomicFile.syncDirectory(of: target.path)
    }

    /// Gives the file up: nothing of it stays.
    private func abandon() {
        guard descriptor >= 0, path != "-" else { return }
        close(descriptor)
        descriptor = -1
        if let aside { unlink(aside) }
    }

    /// Nil, or the error number of the write that failed.
    private func writeAll(_ bytes: [UInt8]) -> Int32? {
        bytes.withUnsafeBytes { buffer -> Int32? in
            var rest = buffer[...]
            while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
                let written = writer(descriptor, start, rest.count)
                if written > 0 {
                    rest = rest.dropFirst(written)
                } else if written == 0 {
                    return ENOSPC
                } else if errno == EAGAIN {
                    // A pipe whose reader is behind. One that doesn't read at all must not keep a
                    // run from its end; standard output is waited for.
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    let patience: Int32 = path == "-" ? -1 : 5_000
                    if poll(&ready, 1, patience) == 0 { return EAGAIN }
                } else if errno != EINTR {
                    return errno
                }
            }
            return nil
        }
    }
}
