// A log that grows line by line while a run goes on, and how its lines are put together. There may
// be a hundred thousand of them a second, and this thread's CPU time may be what a loop lacks: so
// numbers are spelled by hand, and lines go to the disk in blocks. Knows nothing of what they say.

/// A file of lines; takes its name with `finish`.
final class LineFile {
    /// What wasn't written yet; goes to the file when it exceeds `blockBytes`.
    private var block: [UInt8] = []
    private let file: GrowingFile
    private var failure: OutputError?

    private static let blockBytes = 256 << 10

    /// Opens the file aside, under the name that `aside` gives, for the value of `flag`.
    init(path: String, flag: String) throws(OutputError) {
        file = try GrowingFile(path: path, flag: flag)
        block.reserveCapacity(Self.blockBytes + 4_096)
    }

    /// The name that the file has until `finish`; nil for devices and pipes.
    var aside: String? { file.aside }

    /// Lets `write` append a line, with its line end. A failure of the file is kept for `finish`: a
    /// run goes on without its log.
    func add(_ write: (inout [UInt8]) -> Void) {
        guard failure == nil else { return }
        write(&block)
        if block.count >= Self.blockBytes { flush() }
    }

    /// Writes the rest and gives the file its name; throws what went wrong at any time.
    func finish() throws(OutputError) {
        flush()
        if let failure { throw failure }
        try file.finish()
    }

    private func flush() {
        guard failure == nil else { return }
        do throws(OutputError) {
            try file.append(block)
        } catch {
            failure = error
        }
        block.removeAll(keepingCapacity: true)
    }
}

extension [UInt8] {
    /// Appends text as it is.
    mutating func put(_ text: StaticString) {
        append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }

    /// Appends a number, or null.
    mutating func put(_ number: Int64?) {
        guard let number else { return put("null") }
        if number < 0 { append(UInt8(ascii: "-")) }
        put(number.magnitude)
    }

    /// Appends a number.
    mutating func put(_ number: UInt64) {
        var left = number
        let start = count
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: left % 10))
            left /= 10
        } while left > 0
        self[start...].reverse()
    }

    /// Appends text as a JSON string (RFC 8259, 7).
    mutating func put(quoting text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                put("\\u00")
                append(digits[Int(byte >> 4)])
                append(digits[Int(byte & 15)])
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }
}
