// Files appear whole or not at all: what was there stays, nothing half-written is left behind.

import Glibc
import Testing

@testable import SSEBombReport

/// A directory of its own, removed with all its files.
final class ScratchDirectory {
    let path: String

    init() {
        // mkdtemp wants six places to fill.
        let places = String(repeating: "X", count: 6)
        var template = Array("/tmp/ssebomb-report-\(places)".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var names: [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { found.append(name) }
        }
        return found.sorted()
    }

    func contents(_ name: String) -> String {
        let descriptor = open("\(path)/\(name)", O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

@Suite struct AtomicFileTests {
    private let scratch = ScratchDirectory()

    @Test("a new file appears whole and alone")
    func newFile() throws {
        try AtomicFile.write(Array("whole".utf8), to: "\(scratch.path)/r.json")
        #expect(scratch.names == ["r.json"])
        #expect(scratch.contents("r.json") == "whole")
    }

    @Test("a file is replaced and keeps its permissions")
    func replaced() throws {
        let path = "\(scratch.path)/r.json"
        try AtomicFile.write(Array("old".utf8), to: path)
        chmod(path, 0o640)
        try AtomicFile.write(Array("new".utf8), to: path)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o640)
        #expect(scratch.contents("r.json") == "new")
    }

    @Test("through a symbolic link the file is replaced, not the link")
    func symbolicLink() throws {
        try AtomicFile.write(Array("old".utf8), to: "\(scratch.path)/real")
        symlink("real", "\(scratch.path)/link")
        try AtomicFile.write(Array("new".utf8), to: "\(scratch.path)/link")
        var status = stat()
        #expect(lstat("\(scratch.path)/link", &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFLNK)
        #expect(scratch.contents("real") == "new")
    }

    @Test("a disk that fills up leaves the old file and no rest of the new one")
    func fullDisk() throws {
        let path = "\(scratch.path)/r.json"
        try AtomicFile.write(Array("old".utf8), to: path)
        let error = #expect(throws: OutputError.self) {
            try AtomicFile.write(Array("new and longer".utf8), to: path) {
                descriptor,
                bytes,
                count in
                if count > 4 { return Glibc.write(descriptor, bytes, 4) }
                errno = ENOSPC
                return -1
            }
        }
        #expect(scratch.names == ["r.json"])
        #expect(scratch.contents("r.json") == "old")
        #expect(error?.code == ENOSPC)
        #expect(error?.sentence.contains(path) == true)
        #expect(error?.sentence.contains("-o") == true)
    }

    @Test("writes that take a part, or are interrupted, go on")
    func partialWrites() throws {
        var calls = 0
        try AtomicFile.write(Array("abcdef".utf8), to: "\(scratch.path)/r") {
            descriptor,
            bytes,
            _ in
            calls += 1
            if calls.isMultiple(of: 2) {
                errno = EINTR
                return -1
            }
            return Glibc.write(descriptor, bytes, 1)
        }
        #expect(scratch.contents("r") == "abcdef")
        #expect(calls == 11)
    }

    @Test("a device is written to, never replaced, and its fault is told")
    func device() {
        let error = #expect(throws: OutputError.self) {
            try AtomicFile.write([1, 2, 3], to: "/dev/full")
        }
        #expect(error?.code == ENOSPC)
        var status = stat()
        #expect(stat("/dev/full", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
        #expect(throws: Never.self) { try AtomicFile.write([1, 2, 3], to: "/dev/null") }
    }

    @Test(
        "a place that can't hold a file is refused before and at writing",
        arguments: [
            ("/proc/ssebomb.json", [ENOENT, EACCES]), ("/nonexistent/r.json", [ENOENT]),
            ("/tmp", [EISDIR]), ("/tmp/", [EISDIR]), ("", [EISDIR]), ("/dev/null/x", [ENOTDIR]),
        ] as [(String, [Int32])]
    )
    func refused(_ path: String, _ codes: [Int32]) {
        let written = #expect(throws: OutputError.self) { try AtomicFile.write([1], to: path) }
        #expect(codes.contains(written?.code ?? 0))
        // The kernel alone knows that /proc takes no files.
        guard !path.hasPrefix("/proc") else { return }
        let checked = #expect(throws: OutputError.self) { try AtomicFile.check(path) }
        #expect(codes.contains(checked?.code ?? 0))
    }

    @Test("checking a place creates nothing")
    func checking() throws {
        try AtomicFile.check("\(scratch.path)/r.json")
        try AtomicFile.check("-")
        try AtomicFile.check("/dev/null")
        #expect(scratch.names.isEmpty)
    }
}
