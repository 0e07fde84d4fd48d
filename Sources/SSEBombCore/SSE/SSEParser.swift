// The event stream format of the WHATWG HTML standard, section 9.2.6: bytes in, events out; or,
// where it is told so, plain lines, each of them an event. Holds the state of one response body.
// Knows nothing of HTTP, of what the events mean, or of time; it reads no clock, does no I/O and
// takes memory from the loop's SpillPool only.

import Glibc

/// Why an event stream can't be decoded further.
enum SSEError: UInt8 {
    /// A line is longer than the line limit.
    case lineTooLong
    /// The joined data of one event is longer than the event limit.
    case eventTooLarge
}

/// What `SSEParser.next` found.
enum SSEOutput: Equatable {
    /// The input is used up. What is unfinished has been copied; the input may go away.
    case needMore
    /// An event was dispatched; its parts are in the parser's properties.
    case event
    /// A comment line.
    case comment
    /// A reconnection time in milliseconds; saturated at `UInt32.max`.
    case retry(UInt32)
    /// The stream is over: every further call returns the same.
    case failure(SSEError)
}

/// A resumable event stream decoder: bytes in any split give the same events.
///
/// An event whose only data line lies whole in one input is not copied: `data` then points into the
/// input. Between events the parser holds no memory but a non-empty last event ID. A plain struct
/// without deinitialiser: `release(to:)` must be called before it is dropped.
struct SSEParser {
    private struct Flags: OptionSet {
        let rawValue: UInt16
        /// The byte order mark hasn't been ruled out yet.
        static let start = Flags(rawValue: 1)
        /// `line` holds the beginning of an unfinished line.
        static let partialLine = Flags(rawValue: 2)
        /// The last byte seen was a CR that ended a line; an LF next belongs to it.
        static let afterCR = Flags(rawValue: 4)
        /// The event has a `data` field, possibly empty.
        static let hasData = Flags(rawValue: 8)
        /// The event has an `event` field, possibly empty.
        static let hasType = Flags(rawValue: 16)
        /// The event has an `id` field, possibly empty.
        static let hasID = Flags(rawValue: 32)
        /// The last output was an event; its parts go with the next call.
        static let dispatched = Flags(rawValue: 64)
        static let failed = Flags(rawValue: 128)
        /// The body is lines without fields. Always set there, so that the way of an event stream
        /// need not ask.
        static let plainLines = Flags(rawValue: 256)
    }

    // What an event that lies whole in one input needs comes first, in 24 bytes: a slot of the loop
    // has it in a cache line with the rest of what every event touches.
    private var flags: Flags = .start
    /// Bytes of the byte order mark seen so far.
    private var markCount: UInt8 = 0
    private var error: SSEError = .lineTooLong
    // Views of the event's parts: into the input while the spill of the same name is empty, into
    // that spill otherwise. Counts are zero while the event has no such field.
    private var dataCount: UInt32 = 0
    private var dataStart: UnsafeRawPointer?
    private let lineLimit: UInt32
    private let eventLimit: UInt32
    private var typeCount: UInt32 = 0
    private var idCommitted: UInt32 = 0
    private var typeStart: UnsafeRawPointer?
    private var line = Spill()
    private var dataSpill = Spill()
    private var typeSpill = Spill()
    /// The last event ID, `idCommitted` bytes; behind it that of the unfinished event, if `hasID`.
    private var idSpill = Spill()

    /// Creates a parser at the start of a body.
    ///
    /// - Parameters:
    ///   - lineLimit: The longest line in bytes, without its end; at most 1 GiB.
    ///   - eventLimit: The most bytes that the data of one event may have; at most 1 GiB.
    init(lineLimit: UInt32, eventLimit: UInt32) {
        // A spill's block is at most 2 GiB, and two IDs share one.
        precondition(lineLimit <= 1 << 30 && eventLimit <= 1 << 30)
        self.lineLimit = lineLimit
        self.eventLimit = eventLimit
    }

    /// The data of the event just dispatched, lines joined by LF; valid until the next call.
    var data: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: dataStart, count: Int(dataCount))
    }

    /// The type of the event just dispatched; empty means `message`. Valid until the next call.
    var eventType: UnsafeRawBufferPointer {
        // Most events have none, and the flags are at hand.
        guard flags.contains(.hasType) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: typeStart, count: Int(typeCount))
    }

    /// The last event ID as of the last blank line, so never that of an unfinished event; what a
    /// reconnecting client sends as `Last-Event-ID`. Valid until the next call.
    var lastEventID: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: idSpill.base, count: Int(idCommitted))
    }

    /// Nothing of another event has come behind the last one.
    var isBetweenEvents: Bool {
        @inline(__always) get { flags.isSubset(of: [.dispatched, .plainLines]) }
    }

    /// Memory lent to this parser in bytes; zero between events of a stream without IDs.
    var heldBytes: Int {
        Int(line.capacity32) + Int(dataSpill.capacity32) + Int(typeSpill.capacity32)
            + Int(idSpill.capacity32)
    }

    /// Reads the body that begins here as lines without fields (application/x-ndjson): each line
    /// that isn't empty is an event, its limits those of lines and of events. Lasts for the body.
    mutating func usePlainLines() {
        flags = [.start, .plainLines]
    }

    /// Reads on from `offset`, up to the next thing worth telling.
    ///
    /// Called with the same input until it returns `needMore`; only then may the input change.
    ///
    /// - Parameters:
    ///   - input: Bytes of the body, cut anywhere.
    ///   - offset: Where to go on in `input`; moved past what was read.
    ///   - pool: Lends the memory for what outlives the input.
    mutating func next(
        _ input: UnsafeRawBufferPointer,
        _ offset: inout Int,
        pool: SpillPool
    ) -> SSEOutput {
        precondition(offset >= 0 && offset <= input.count)
        if flags.isSubset(of: .dispatched) {
            flags = []
            guard let base = input.baseAddress, offset < input.count else { return .needMore }
            if takeWholeEvent(base, input.count, &offset) { return .event }
        }
        return readLines(input, &offset, pool)
    }

    /// Starts over for the next body: drops what is unfinished and keeps the last event ID.
    mutating func reset(pool: SpillPool) {
        line.release(to: pool)
        endEvent(pool)
        idSpill.truncate(to: Int(idCommitted))
        if idSpill.isEmpty { idSpill.release(to: pool) }
        markCount = 0
        flags = .start
    }

    /// Starts over and gives all memory back, the last event ID's too.
    mutating func release(to pool: SpillPool) {
        idCommitted = 0
        reset(pool: pool)
    }
}

// MARK: - Lines

extension SSEParser {
    /// Takes an event that is one `data` line and a blank line, both ended by LF and both in the
    /// input: what almost every chunk of a token stream is.
    @inline(__always)  // The usual case of `next`, its only caller.
    private mutating func takeWholeEvent(
        _ base: UnsafeRawPointer,
        _ count: Int,
        _ offset: inout Int
    ) -> Bool {
        let start = base + offset
        let end = base + count
        // With seven bytes the sixth may be looked at, and the value may be empty.
        guard end - start >= 7, ByteScan.begins(start, end, with: "data:") else { return false }
        let isSpaced = start.load(fromByteOffset: 5, as: UInt8.self) == 0x20
        let value = start + (isSpaced ? 6 : 5)
        let stop = ByteScan.lineEnd(value, end)
        guard end - stop >= 2, stop.loadUnaligned(as: UInt16.self) == 0x0A0A,
            stop - start <= Int(lineLimit), stop - value <= Int(eventLimit)
        else { return false }
        dataStart = value
        dataCount = UInt32(truncatingIfNeeded: stop - value)  // At most `eventLimit`.
        offset = stop + 2 - base
        flags = .dispatched
        return true
    }

    private mutating func readLines(
        _ input: UnsafeRawBufferPointer,
        _ offset: inout Int,
        _ pool: SpillPool
    ) -> SSEOutput {
        if flags.contains(.failed) { return .failure(error) }
        if flags.contains(.dispatched) { endEvent(pool) }
        guard let base = input.baseAddress else { return .needMore }
        if flags.contains(.start) { skipMark(input, &offset, pool) }
        let end = base + input.count
        while offset < input.count {
            let start = base + offset
            if flags.contains(.afterCR) {
                flags.remove(.afterCR)
                if start.load(as: UInt8.self) == 0x0A {
                    offset += 1
                    continue
                }
            }
            let stop = ByteScan.lineEnd(start, end)
            let length = stop - start
            guard line.count + length <= Int(lineLimit) else { return fail(.lineTooLong) }
            guard stop < end else {
                line.append(start, length, pool: pool)
                flags.insert(.partialLine)
                offset = input.count
                break
            }
            offset = passLineEnd(stop, end) - base
            let output = endLine(start, length, pool)
            if output != .needMore { return output }
        }
        keepParts(pool)
        return .needMore
    }

    /// Skips a byte order mark, cut anywhere. Bytes that only began like one open the first line.
    private mutating func skipMark(
        _ input: UnsafeRawBufferPointer,
        _ offset: inout Int,
        _ pool: SpillPool
    ) {
        var mark: UInt32 = UInt32(littleEndian: 0x00BF_BBEF)
        while offset < input.count, markCount < 3 {
            guard input[offset] == UInt8(truncatingIfNeeded: mark &>> (8 &* UInt32(markCount)))
            else {
                flags.remove(.start)
                guard markCount > 0 else { return }
                withUnsafeBytes(of: &mark) {
                    if let bytes = $0.baseAddress {
                        line.append(bytes, Int(markCount), pool: pool)
                    }
                }
                flags.insert(.partialLine)
                return
            }
            markCount += 1
            offset += 1
        }
        if markCount == 3 { flags.remove(.start) }
    }

    /// The address after the line end at `stop`. A CR that is the input's last byte ends its line
    /// at once: waiting for a possible LF would hold an event back until the next one.
    @inline(__always)  // A few instructions, once a line.
    private mutating func passLineEnd(
        _ stop: UnsafeRawPointer,
        _ end: UnsafeRawPointer
    ) -> UnsafeRawPointer {
        guard stop.load(as: UInt8.self) == 0x0D else { return stop + 1 }
        guard end - stop >= 2 else {
            flags.insert(.afterCR)
            return end
        }
        return stop + (stop.load(fromByteOffset: 1, as: UInt8.self) == 0x0A ? 2 : 1)
    }

    /// Ends a line whose last `length` bytes are at `start` and whose beginning, if any, is kept.
    @inline(__always)  // Once a line; the in-place case adds one test.
    private mutating func endLine(
        _ start: UnsafeRawPointer,
        _ length: Int,
        _ pool: SpillPool
    ) -> SSEOutput {
        guard flags.contains(.partialLine) else {
            if flags.contains(.plainLines) { return takeLine(start, length, inPlace: true, pool) }
            return interpret(start, length, inPlace: true, pool)
        }
        line.append(start, length, pool: pool)
        flags.remove(.partialLine)
        guard let kept = line.base else { return .needMore }
        let output =
            flags.contains(.plainLines)
            ? takeLine(kept, line.count, inPlace: false, pool)
            : interpret(kept, line.count, inPlace: false, pool)
        line.release(to: pool)
        return output
    }

    /// A line that is an event by itself.
    @inline(never)  // Keeps `endLine` as short as event streams need it.
    private mutating func takeLine(
        _ start: UnsafeRawPointer,
        _ length: Int,
        inPlace: Bool,
        _ pool: SpillPool
    ) -> SSEOutput {
        guard length > 0 else { return .needMore }
        let output = addData(start, length, inPlace: inPlace, pool)
        if output != .needMore { return output }
        flags.insert(.dispatched)
        return .event
    }

    @inline(never)  // Cold: once in a stream's life.
    private mutating func fail(_ reason: SSEError) -> SSEOutput {
        error = reason
        flags.insert(.failed)
        return .failure(reason)
    }
}

// MARK: - Fields and dispatch

extension SSEParser {
    private mutating func interpret(
        _ start: UnsafeRawPointer,
        _ length: Int,
        inPlace: Bool,
        _ pool: SpillPool
    ) -> SSEOutput {
        guard length > 0 else { return dispatch(pool) }
        let end = start + length
        switch start.load(as: UInt8.self) {
        case UInt8(ascii: ":"):
            return .comment
        case UInt8(ascii: "d"):
            guard let value = Self.value(of: "data", start, end) else { return .needMore }
            return addData(value, end - value, inPlace: inPlace, pool)
        case UInt8(ascii: "e"):
            guard let value = Self.value(of: "event", start, end) else { return .needMore }
            setType(value, end - value, inPlace: inPlace, pool)
            return .needMore
        case UInt8(ascii: "i"):
            guard let value = Self.value(of: "id", start, end) else { return .needMore }
            setID(value, end - value, pool)
            return .needMore
        case UInt8(ascii: "r"):
            guard let value = Self.value(of: "retry", start, end),
                let time = Self.milliseconds(value, end)
            else { return .needMore }
            return .retry(time)
        default:
            return .needMore
        }
    }

    /// Where the value of field `name` starts; nil when the line is of another field.
    @inline(__always)  // The name's length must be a constant.
    private static func value(
        of name: StaticString,
        _ start: UnsafeRawPointer,
        _ end: UnsafeRawPointer
    ) -> UnsafeRawPointer? {
        guard ByteScan.begins(start, end, with: name) else { return nil }
        let colon = start + name.utf8CodeUnitCount
        guard colon < end else { return end }
        guard colon.load(as: UInt8.self) == UInt8(ascii: ":") else { return nil }
        let value = colon + 1
        return value < end && value.load(as: UInt8.self) == 0x20 ? value + 1 : value
    }

    private static func milliseconds(
        _ start: UnsafeRawPointer,
        _ end: UnsafeRawPointer
    ) -> UInt32? {
        guard start < end else { return nil }
        var result: UInt32 = 0
        for byte in UnsafeRawBufferPointer(start: start, count: end - start) {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let (tens, isOver) = result.multipliedReportingOverflow(by: 10)
            let (sum, isSumOver) = tens.addingReportingOverflow(UInt32(byte &- 0x30))
            result = isOver || isSumOver ? .max : sum
        }
        return result
    }

    private mutating func addData(
        _ value: UnsafeRawPointer,
        _ length: Int,
        inPlace: Bool,
        _ pool: SpillPool
    ) -> SSEOutput {
        let joined = flags.contains(.hasData) ? Int(dataCount) + 1 + length : length
        guard joined <= Int(eventLimit) else { return fail(.eventTooLarge) }
        if flags.contains(.hasData) {
            keepData(pool)
            var lineFeed: UInt8 = 0x0A
            dataSpill.append(&lineFeed, 1, pool: pool)
        }
        if !flags.contains(.hasData), inPlace {
            dataStart = value
        } else {
            dataSpill.append(value, length, pool: pool)
            dataStart = dataSpill.bytes.baseAddress
        }
        dataCount = UInt32(joined)
        flags.insert(.hasData)
        return .needMore
    }

    private mutating func setType(
        _ value: UnsafeRawPointer,
        _ length: Int,
        inPlace: Bool,
        _ pool: SpillPool
    ) {
        typeSpill.release(to: pool)
        typeStart = value
        typeCount = UInt32(length)  // At most `lineLimit`.
        flags.insert(.hasType)
        if !inPlace { keepType(pool) }
    }

    private mutating func setID(
        _ value: UnsafeRawPointer,
        _ length: Int,
        _ pool: SpillPool
    ) {
        // The standard ignores the whole field then: the ID would be cut in a request header.
        guard memchr(value, 0, length) == nil else { return }
        idSpill.truncate(to: Int(idCommitted))
        idSpill.append(value, length, pool: pool)
        flags.insert(.hasID)
    }

    /// A blank line: the ID comes into force, and what has data is an event.
    private mutating func dispatch(_ pool: SpillPool) -> SSEOutput {
        if flags.contains(.hasID) { commitID(pool) }
        guard flags.contains(.hasData) else {
            endEvent(pool)
            return .needMore
        }
        flags.insert(.dispatched)
        return .event
    }

    private mutating func commitID(_ pool: SpillPool) {
        flags.remove(.hasID)
        let length = idSpill.count - Int(idCommitted)
        if idCommitted > 0, let base = idSpill.base {
            memmove(base, base + Int(idCommitted), length)
        }
        idSpill.truncate(to: length)
        idCommitted = UInt32(length)  // At most `lineLimit`.
        if length == 0 { idSpill.release(to: pool) }
    }

    /// Forgets the parts of an event.
    private mutating func endEvent(_ pool: SpillPool) {
        flags.subtract([.dispatched, .hasData, .hasType])
        dataSpill.release(to: pool)
        typeSpill.release(to: pool)
        dataStart = nil
        typeStart = nil
        dataCount = 0
        typeCount = 0
    }

    /// Copies what lies in the input, which is about to go away.
    @inline(__always)  // Two tests in the usual case.
    private mutating func keepParts(_ pool: SpillPool) {
        if flags.contains(.hasData) { keepData(pool) }
        if flags.contains(.hasType) { keepType(pool) }
    }

    private mutating func keepData(_ pool: SpillPool) {
        guard dataSpill.isEmpty else { return }
        if let start = dataStart { dataSpill.append(start, Int(dataCount), pool: pool) }
        dataStart = dataSpill.bytes.baseAddress
    }

    private mutating func keepType(_ pool: SpillPool) {
        guard typeSpill.isEmpty else { return }
        if let start = typeStart { typeSpill.append(start, Int(typeCount), pool: pool) }
        typeStart = typeSpill.bytes.baseAddress
    }
}
