// The requests of a run as its result file keeps them, so that `report` writes their lines again:
// while the run goes on, in memory taken at its start; then column by column, which compresses
// better. docs/RESULT-FORMAT.md has the coding ("requests"). Must not know JSON or files.

import SSEBombCore

/// Keeps the first requests of a run, on the coordinator's thread.
final class RequestArchive {
    /// Encoded rows. Taken and touched at the start: what a run needs in memory doesn't grow.
    private var rows: [UInt8]
    private var used = 0
    private var count = 0
    private var leftOut: UInt64 = 0
    private var names: RequestNames
    private var wall: Int64 = 0
    private var latestSched: Int64 = 0

    /// At some 62 bytes a request 67,000 of them, which take about 3 MB of the result file.
    static let usualRoom = 4 << 20

    init(_ names: RequestNames, room: Int = usualRoom) {
        self.names = names
        rows = [UInt8](repeating: 0, count: room)
    }

    /// A finish reason that wasn't seen before; its place is the next.
    func add(reason: String) { names.finishReasons.append(reason) }

    /// Keeps a request where there is room, else counts it.
    func append(_ row: RequestRow, startedAt wall: Int64) {
        self.wall = wall
        let isNamed = zip(RequestMember.ordered, row.values).allSatisfy { entry, value in
            entry.member != .finishReason || value < Int64(names.finishReasons.count)
        }
        // A row that has room comes no later than one that hadn't: what is kept is the beginning.
        guard leftOut == 0, isNamed, rows.count - used >= RequestRow.width * Varint.longest else {
            leftOut += 1
            return
        }
        var reference = latestSched
        for ((_, kind), value) in zip(RequestMember.ordered, row.values) {
            put(Varint.code(value, after: kind == .stamp ? reference : 0))
            if kind == .stamp, value != RequestRow.none { reference = value }
        }
        latestSched = row.sched ?? latestSched
        count += 1
    }

    /// What is kept so far.
    var stored: StoredRequests {
        StoredRequests(
            startedAt: wall,
            names: names,
            count: count,
            leftOut: leftOut,
            columns: Varint.transposed(rows[..<used], width: RequestRow.width)
        )
    }

    private func put(_ word: UInt64) {
        var left = word
        while left >= 0x80 {
            rows[used] = UInt8(truncatingIfNeeded: left) | 0x80
            used += 1
            left >>= 7
        }
        rows[used] = UInt8(truncatingIfNeeded: left)
        used += 1
    }
}

/// Requests that a result keeps.
struct StoredRequests: Sendable, Equatable {
    /// Start of the run, nanoseconds since 1970.
    var startedAt: Int64
    var names: RequestNames
    /// Kept.
    var count: Int
    /// Ended, but not kept.
    var leftOut: UInt64
    /// Each member's words, one member after the other.
    var columns: [UInt8]

    /// Lets `body` see row by row; false where the columns aren't whole, or hold what can't be.
    func forEachRow(_ body: (RequestRow) -> Void) -> Bool {
        guard
            let starts = Varint.starts(in: columns, width: RequestRow.width, count: count)
        else { return false }
        let limits = RequestMember.ordered.map { member, kind -> Range<Int64> in
            switch kind {
            case .name: 0..<Int64(names.list(member).count)
            case .flag: 0..<2
            case .number: 0..<Self.greatest
            case .stamp: -Self.greatest..<Self.greatest
            }
        }
        var cursors = starts
        var row = RequestRow()
        var latestSched: Int64 = 0
        var isSound = true
        for _ in 0..<count {
            var reference = latestSched
            var place = 0
            row.fill { kind in
                let word = Varint.read(columns, &cursors[place])
                let value = Varint.value(word, after: kind == .stamp ? reference : 0)
                if value != RequestRow.none {
                    if kind == .stamp { reference = value }
                    isSound = isSound && limits[place].contains(value)
                }
                place += 1
                return value
            }
            guard isSound else { return false }
            latestSched = row.sched ?? latestSched
            body(row)
        }
        return true
    }

    /// The lines of `--per-request`.
    var lines: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 800)
        let writer = RequestLineWriter(names)
        _ = forEachRow { writer.write($0, startedAt: startedAt, to: &bytes) }
        return bytes
    }

    /// No count or time of a run comes near; sums of two stay in range.
    private static let greatest = Int64(1) << 60
}

extension RequestRow {
    /// When the load wanted it to start.
    fileprivate var sched: Int64? {
        guard let place = RequestMember.allCases.firstIndex(of: .sched) else { return nil }
        return values[place] == Self.none ? nil : values[place]
    }
}

/// The words of rows: 0 for no value, else 1 more than the ZigZag of the difference to a
/// reference, as LEB128.
enum Varint {
    /// Bytes of a 64-bit word.
    static let longest = 10

    static func code(_ value: Int64, after reference: Int64) -> UInt64 {
        guard value != RequestRow.none else { return 0 }
        let difference = value &- reference
        return UInt64(bitPattern: difference << 1 ^ difference >> 63) &+ 1
    }

    static func value(_ word: UInt64, after reference: Int64) -> Int64 {
        guard word > 0 else { return RequestRow.none }
        let zigzag = word &- 1
        return reference &+ (Int64(bitPattern: zigzag >> 1) ^ -Int64(zigzag & 1))
    }

    /// Reads the word at `cursor`, which lies in a sequence of whole words.
    static func read(_ bytes: [UInt8], _ cursor: inout Int) -> UInt64 {
        var word: UInt64 = 0
        var shift: UInt64 = 0
        while bytes[cursor] >= 0x80 {
            word |= UInt64(bytes[cursor] & 0x7f) << shift
            shift += 7
            cursor += 1
        }
        word |= UInt64(bytes[cursor]) << shift
        cursor += 1
        return word
    }

    /// Where each of `width` columns of `count` words begins; nil unless they fill the bytes.
    static func starts(in bytes: [UInt8], width: Int, count: Int) -> [Int]? {
        guard count >= 0, count <= bytes.count else { return nil }
        var starts = count == 0 ? [Int](repeating: 0, count: width) : []
        var (words, length) = (0, 0)
        for (place, byte) in bytes.enumerated() {
            if length == 0, words % max(1, count) == 0 { starts.append(place) }
            length += 1
            guard length <= longest else { return nil }
            guard byte < 0x80 else { continue }
            length = 0
            words += 1
        }
        guard length == 0, words == width * count, starts.count == width else { return nil }
        return starts
    }

    /// Rows of `width` words, column after column.
    static func transposed(_ rows: ArraySlice<UInt8>, width: Int) -> [UInt8] {
        var columns = [[UInt8]](repeating: [], count: width)
        var column = 0
        for byte in rows {
            columns[column].append(byte)
            if byte < 0x80 { column = column + 1 == width ? 0 : column + 1 }
        }
        return Array(columns.joined())
    }
}
