// The chunked transfer coding (RFC 9112 section 7.1) as a resumable decoder: it says where in the
// caller's bytes the payload lies and moves none of it. It must not know what the payload means,
// who owns the bytes, or that there is a connection.

/// What one call of `ChunkedDecoder.next` found.
enum ChunkedOutput: Equatable {
    /// All input is used; call again with the bytes that follow.
    case needMore
    /// `length` bytes of payload (never 0) start at `start` of this call's input.
    case payload(start: Int, length: Int)
    /// The message is over; the offset is that of the first byte behind it.
    case end
    /// The framing is broken. The decoder keeps answering with the same error.
    case failure(ProtocolError)
}

/// Decodes one chunked body. The bytes may be cut anywhere; the pieces of payload then are cut
/// there too, and nothing else changes.
///
/// Stricter than the grammar allows a recipient to be: every line ends with CRLF, and a bare LF,
/// which other recipients take for a line end, is refused (that difference is how requests are
/// smuggled). Laxer in one point: blanks between the size and CRLF are accepted, because servers
/// that pad the size to a fixed width send them.
///
/// **Overhead.** A peer that sends framing without payload would keep a stream busy for ever. The
/// decoder holds an allowance of framing bytes (100 KiB, or one longest chunk line where that is
/// more). A chunk takes from it what its size line and CRLFs cost, and gives back 16 bytes for each
/// byte of payload, up to the full allowance; a chunk that would take more than there is fails. A
/// stream that sends one byte a chunk with its size padded to eight digits costs 12 and gives 16,
/// so no stream with plain size lines ever comes near, however long it runs; a server-sent event of
/// 30 bytes may carry 470 bytes of extensions every time. The allowance doesn't grow with the
/// payload already seen, so the bound holds in every stretch of the body.
struct ChunkedDecoder {
    /// Where the next byte stands, in the order of the wire.
    private enum State: UInt8 {
        case size
        case sizePadding
        case chunkExtension
        case quotedString
        case quotedPair
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailerLineStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        case lastLineFeed
        case complete
        case failed
    }

    /// The size being read, then the payload bytes of the chunk still to come.
    private var remaining: UInt64 = 0
    /// Bytes of the size line, or of the whole trailer section, read so far.
    private var lineLength: UInt32 = 0
    /// Framing bytes that may still be spent, see above.
    private var allowance: UInt32
    private let chunkLineLimit: UInt32
    private let trailerLimit: UInt32
    private var state = State.size
    private var error = ProtocolError.chunkSizeInvalid

    /// The largest framing allowance for usual chunk-line limits, in bytes.
    private static let allowanceLimit: UInt32 = 100 << 10
    /// Framing bytes that one byte of payload pays for.
    private static let framingPerByte: UInt32 = 16

    init(limits: WireLimits) {
        chunkLineLimit = UInt32(limits.chunkLine)
        trailerLimit = UInt32(limits.trailer)
        allowance = max(Self.allowanceLimit, chunkLineLimit)
    }

    /// Whether the body has ended, CRLF of the trailer section included. A connection that closes
    /// before is an incomplete message (RFC 9112 section 8).
    var isComplete: Bool { state == .complete }

    /// Reads on from `offset`, which must lie in `0...input.count`, and moves it behind what was
    /// used. Call it until it says `needMore`, `end` or `failure`; `needMore` always means that
    /// `offset` has reached `input.count`.
    mutating func next(_ input: UnsafeRawBufferPointer, _ offset: inout Int) -> ChunkedOutput {
        assert(offset >= 0 && offset <= input.count)
        if state == .size && lineLength == 0 { readShortSizeLine(input, &offset) }
        if state == .data && offset < input.count { return takePayload(input, &offset) }
        if offset >= input.count && state != .complete && state != .failed { return .needMore }
        return readFraming(input, &offset)
    }

    /// Reads a size line of one to seven digits without padding or extension that lies wholly in
    /// the input, and leaves every other to `readFraming`, untouched.
    @inline(__always)
    private mutating func readShortSizeLine(
        _ input: UnsafeRawBufferPointer,
        _ offset: inout Int
    ) {
        // Seven digits and CRLF; `chunkLineLimit` is never below 9.
        guard input.count - offset >= 9 else { return }
        var size: UInt32 = 0
        var digits = 0
        // At most eight bytes are looked at here and one below: in bounds by the guard.
        var byte = input[offset]
        while digits < 7, let value = Self.hexValue(byte) {
            size = size &<< 4 | UInt32(value)
            digits &+= 1
            byte = input[offset &+ digits]
        }
        let isLine = byte == FieldByte.carriageReturn && digits > 0 && size > 0
        guard isLine, input[offset &+ digits &+ 1] == FieldByte.lineFeed else { return }
        guard spendAllowance(lineLength: UInt32(digits &+ 2), size: UInt64(size)) else { return }
        offset &+= digits &+ 2
        remaining = UInt64(size)
        state = .data
    }

    /// Hands out what the input holds of the chunk's data, and steps over the CRLF behind it when
    /// it is there. Needs state `data` and at least one byte of input.
    @inline(__always)
    private mutating func takePayload(
        _ input: UnsafeRawBufferPointer,
        _ offset: inout Int
    ) -> ChunkedOutput {
        let start = offset
        let available = input.count &- start
        guard remaining <= UInt64(available) else {
            remaining &-= UInt64(available)
            offset = input.count
            return .payload(start: start, length: available)
        }
        let length = Int(remaining)
        let end = start &+ length
        remaining = 0
        let isTerminated =
            available &- length >= 2 && input[end] == FieldByte.carriageReturn
            && input[end &+ 1] == FieldByte.lineFeed
        offset = isTerminated ? end &+ 2 : end
        state = isTerminated ? .size : .dataCarriageReturn
        lineLength = 0
        return .payload(start: start, length: length)
    }

    /// Charges a size line and the CRLF behind the data to the allowance, and credits the data.
    /// The data is credited before it has come: no framing can follow until it has. False, and
    /// nothing changed, when the allowance doesn't suffice.
    @inline(__always)
    private mutating func spendAllowance(lineLength: UInt32, size: UInt64) -> Bool {
        let limit = max(Self.allowanceLimit, chunkLineLimit)
        // None of these sums can wrap: `limit` and `lineLength` are at most 2^30, and so is the
        // credit but for the rounding up to a multiple of 16.
        let paying = UInt32(min(size, UInt64(limit / Self.framingPerByte &+ 1)))
        let available = allowance &+ paying &* Self.framingPerByte
        let cost = lineLength &+ 2
        guard cost <= available else { return false }
        allowance = min(available &- cost, limit)
        return true
    }

    /// The general way: one byte of framing at a time, until the input or the framing ends. Kept
    /// out of line so that the usual chunk's path stays small.
    @inline(never)
    private mutating func readFraming(
        _ input: UnsafeRawBufferPointer,
        _ offset: inout Int
    ) -> ChunkedOutput {
        while true {
            switch state {
            case .complete: return .end
            case .failed: return .failure(error)
            default: break
            }
            guard offset < input.count else { return .needMore }
            if state == .data { return takePayload(input, &offset) }
            let byte = input[offset]
            let broken =
                state.rawValue < State.data.rawValue
                ? readSizeLine(byte)
                : state.rawValue < State.trailerLineStart.rawValue
                    ? readDataEnd(byte) : readTrailer(byte)
            if let broken {
                error = broken
                state = .failed
            } else {
                offset &+= 1
            }
        }
    }

    /// Takes one byte of the size line. The line length is bounded by the limit checked first.
    private mutating func readSizeLine(_ byte: UInt8) -> ProtocolError? {
        guard lineLength < chunkLineLimit else { return .chunkLineTooLong }
        switch state {
        case .size:
            if let value = Self.hexValue(byte) {
                guard remaining >> 60 == 0 else { return .chunkSizeOverflow }
                remaining = remaining << 4 | UInt64(value)
            } else {
                guard lineLength > 0 else { return .chunkSizeInvalid }
                if let broken = endSize(byte) { return broken }
            }
        case .sizePadding:
            if let broken = endSize(byte) { return broken }
        case .chunkExtension:
            switch byte {
            case FieldByte.carriageReturn: state = .sizeLineFeed
            case FieldByte.lineFeed: return .chunkLineEndInvalid
            case FieldByte.quote: state = .quotedString
            default: if FieldByte.isControl(byte) { return .chunkExtensionInvalid }
            }
        case .quotedString:
            // RFC 9110 section 5.6.4 has no way to write a line end in a quoted string, so one
            // here means that the quote was never closed.
            switch byte {
            case FieldByte.backslash: state = .quotedPair
            case FieldByte.quote: state = .chunkExtension
            default: if FieldByte.isControl(byte) { return .chunkExtensionInvalid }
            }
        case .quotedPair:
            if FieldByte.isControl(byte) { return .chunkExtensionInvalid }
            state = .quotedString
        default:
            guard byte == FieldByte.lineFeed else { return .chunkLineEndInvalid }
            return endSizeLine()
        }
        lineLength &+= 1
        return nil
    }

    /// Takes the byte behind the last digit of the size, or behind a blank that follows it.
    private mutating func endSize(_ byte: UInt8) -> ProtocolError? {
        switch byte {
        case FieldByte.carriageReturn: state = .sizeLineFeed
        case FieldByte.semicolon: state = .chunkExtension
        case FieldByte.space, FieldByte.tab: state = .sizePadding
        case FieldByte.lineFeed: return .chunkLineEndInvalid
        default: return .chunkSizeInvalid
        }
        return nil
    }

    /// Ends the size line at its LF: data follows, or the trailer section behind the last chunk.
    private mutating func endSizeLine() -> ProtocolError? {
        if remaining == 0 {
            state = .trailerLineStart
        } else {
            guard spendAllowance(lineLength: lineLength &+ 1, size: remaining) else {
                return .chunkOverhead
            }
            state = .data
        }
        lineLength = 0
        return nil
    }

    /// Takes one byte of the CRLF behind a chunk's data.
    private mutating func readDataEnd(_ byte: UInt8) -> ProtocolError? {
        if state == .dataCarriageReturn {
            guard byte == FieldByte.carriageReturn else { return .chunkDataUnterminated }
            state = .dataLineFeed
        } else {
            guard byte == FieldByte.lineFeed else { return .chunkDataUnterminated }
            state = .size
        }
        return nil
    }

    /// Takes one byte of the trailer section, whose fields are checked for form and dropped.
    private mutating func readTrailer(_ byte: UInt8) -> ProtocolError? {
        guard lineLength < trailerLimit else { return .trailerTooLarge }
        switch state {
        case .trailerLineStart:
            switch byte {
            case FieldByte.carriageReturn: state = .lastLineFeed
            case FieldByte.lineFeed: return .trailerLineEndInvalid
            case FieldByte.space, FieldByte.tab: return .fieldFolded
            default:
                guard FieldByte.isToken(byte) else { return .fieldNameInvalid }
                state = .trailerName
            }
        case .trailerName:
            switch byte {
            case FieldByte.colon: state = .trailerValue
            case FieldByte.space, FieldByte.tab: return .fieldWhitespaceBeforeColon
            default: guard FieldByte.isToken(byte) else { return .fieldNameInvalid }
            }
        case .trailerValue:
            switch byte {
            case FieldByte.carriageReturn: state = .trailerLineFeed
            case FieldByte.lineFeed: return .trailerLineEndInvalid
            default: if FieldByte.isControl(byte) { return .fieldValueInvalid }
            }
        default:
            guard byte == FieldByte.lineFeed else { return .trailerLineEndInvalid }
            state = state == .lastLineFeed ? .complete : .trailerLineStart
        }
        lineLength &+= 1
        return nil
    }

    /// The value of a hexadecimal digit of either case.
    @inline(__always)
    private static func hexValue(_ byte: UInt8) -> UInt8? {
        let isDigit = byte &- 0x30 < 10
        let isLetter = (byte | 0x20) &- 0x61 < 6
        // The low four bits of a letter count from 1 and bit 6 tells letters from digits, so the
        // value needs no branch on which of the two it is: sizes mix them unpredictably.
        return isDigit != isLetter ? (byte & 0x0F) &+ (byte >> 6) &* 9 : nil
    }
}
