// Rows of a file: where each lies, 16 bytes a row, found once before the clock starts. What a row
// is (a body, a prompt) is known to who reads the file.

/// One row's bytes in its file.
struct RequestRow: BitwiseCopyable {
    var start: UInt64
    var length: UInt32
    /// What the row wants in place of `max_tokens`; 0 where it says nothing.
    var maxTokens: UInt32 = 0

    /// Longer rows are refused.
    static let longest = 64 << 20
}

/// The rows of one file. At least one.
public final class RequestRows: Sendable {
    let file: MappedFile
    let rows: [RequestRow]
    /// What was left out of the file, by reason.
    public let dropped: [DroppedRows]
    /// Whether rows say how many tokens they want.
    public let maxTokens: MaxTokens

    /// Whether rows say how many tokens they want.
    public enum MaxTokens: Sendable, Equatable {
        /// All do.
        case all
        /// None does.
        case none
        /// Some do, and this is the first row that doesn't.
        case missing(Int)
    }

    init(_ file: MappedFile, rows: [RequestRow], dropped: [DroppedRows] = []) {
        self.file = file
        self.rows = rows
        self.dropped = dropped.filter { $0.count > 0 }
        let missing = rows.firstIndex { $0.maxTokens == 0 }
        let haveAny = rows.contains { $0.maxTokens > 0 }
        maxTokens = !haveAny ? .none : missing.map { .missing($0) } ?? .all
    }

    /// Number of rows.
    public var count: Int { rows.count }
    /// What the file is called.
    public var name: String { file.name }

    /// A copy of a row's bytes; `index` is below `count`.
    public func copy(_ index: Int) -> [UInt8] { Array(bytes(rows[index])) }

    /// Where a row begins.
    public func place(of index: Int) -> TextPlace {
        TextPlace(of: Int(rows[index].start), in: file.bytes)
    }

    /// Bytes of a row.
    func bytes(_ row: RequestRow) -> UnsafeRawBufferPointer {
        let start = Int(row.start)
        return UnsafeRawBufferPointer(rebasing: file.bytes[start..<(start + Int(row.length))])
    }
}

/// Rows that a filter left out.
public struct DroppedRows: Sendable, Equatable {
    /// A few words, e.g. "fewer than 2 turns".
    public var reason: String
    /// How many.
    public var count: Int

    /// Rows that were dropped.
    public init(reason: String, count: Int) {
        self.reason = reason
        self.count = count
    }
}

/// Walks the lines of a file.
struct LineWalk {
    private let bytes: UnsafeRawBufferPointer
    private var next = 0
    /// Number of the line that was returned last, from 1.
    private(set) var number = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next line that isn't blank, without its LF or CRLF; nil at the end.
    mutating func line() -> Range<Int>? {
        guard let base = bytes.baseAddress else { return nil }
        while next < bytes.count {
            let start = next
            var end = start
            // A CR ends no line here: it can stand in text that isn't JSON.
            while true {
                end = ByteScan.lineEnd(base + end, base + bytes.count) - base
                if end == bytes.count || bytes[end] == 0x0A { break }
                end += 1
            }
            next = end + 1
            number += 1
            if end > start, bytes[end - 1] == 0x0D { end -= 1 }
            let isBlank = bytes[start..<end].allSatisfy { $0 == 0x20 || $0 == 0x09 }
            if !isBlank { return start..<end }
        }
        return nil
    }
}
