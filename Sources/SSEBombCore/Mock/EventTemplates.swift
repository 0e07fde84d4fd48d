// The token-bearing events as bytes that are ready to send, with their chunk frame: made once per
// API, model and usage mode, patched in place for every event. Knows nothing of the shapes beyond
// where their varying parts lie, and nothing of sockets or time.

/// What varies from event to event.
struct EventValues {
    /// Sixteen characters of the response's id.
    var identity: (high: UInt64, low: UInt64)
    /// Number of the token, from 1.
    var number: UInt32
    var promptTokens: UInt32
}

/// One event with its chunk frame. All variable parts have a fixed width, so the length never
/// changes. A handle over memory of its `EventTemplates`.
struct EventTemplate: BitwiseCopyable {
    private let base: UnsafeMutableRawPointer
    private let framedStart: Int
    private let payloadStart: Int
    private let payloadCount: Int
    private let fields: EventFields

    /// Renders into `base`, which must have room.
    init(base: UnsafeMutableRawPointer, capacity: Int, style: EventStyle, kind: TokenKind) {
        var writer = WireWriter(base, capacity: capacity)
        // The frame's head goes right in front of the payload, once its length is known.
        writer.append(repeating: 0, count: Self.room)
        fields = style.writeToken(kind, to: &writer)
        self.base = base
        payloadStart = Self.room
        payloadCount = writer.count - Self.room
        var header = WireDigits.ChunkHeader(length: payloadCount)
        framedStart = Self.room - header.count
        withUnsafeBytes(of: &header.text) {
            (base + framedStart)
                .copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: header.count)
        }
        writer.append("\r\n")
    }

    private static let room = 16

    /// The event alone.
    var payload: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + payloadStart, count: payloadCount)
    }

    /// The event as one chunk.
    var framed: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: base + framedStart,
            count: payloadStart - framedStart + payloadCount + 2
        )
    }

    /// Writes the values of the next event over those of the last.
    @inline(__always)  // Per event: up to six stores of eight bytes.
    func patch(_ values: EventValues) {
        fields.patch(base, values)
    }
}

/// Offsets of the variable parts of an event from the start of its block; 0 where it has no such
/// part.
struct EventFields: BitwiseCopyable {
    var identity = 0
    var word = 0
    var promptTokens = 0
    var completionTokens = 0
    var totalTokens = 0
    var eventID = 0
    /// The token's number plus `indexBase`.
    var index = 0
    var indexBase: UInt32 = 0
    /// How many of the tokens so far `completionTokens` leaves out.
    var completionBase: UInt32 = 0

    /// Writes the values into the block. Offsets come from the rendering of that very block, which
    /// left eight bytes (the identity: sixteen, a word: four) at each.
    @inline(__always)  // See `EventTemplate.patch`.
    func patch(_ base: UnsafeMutableRawPointer, _ values: EventValues) {
        if identity != 0 {
            base.storeBytes(of: values.identity.high, toByteOffset: identity, as: UInt64.self)
            base.storeBytes(of: values.identity.low, toByteOffset: identity + 8, as: UInt64.self)
        }
        if word != 0 {
            (base + word).copyMemory(from: MockWords.word(values.number), byteCount: 4)
        }
        if completionTokens != 0 {
            let completion = values.number &- completionBase
            store(WireDigits.rightAligned(completion), base, completionTokens)
            store(WireDigits.rightAligned(values.promptTokens), base, promptTokens)
            if totalTokens != 0 {
                let total = values.promptTokens + values.number
                store(WireDigits.rightAligned(total), base, totalTokens)
            }
        }
        if index != 0 {
            store(WireDigits.rightAligned(values.number &+ indexBase), base, index)
            if eventID != 0 { store(WireDigits.decimal(values.number), base, eventID) }
        }
    }

    private func store(_ word: UInt64, _ base: UnsafeMutableRawPointer, _ offset: Int) {
        base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
    }
}

/// The words that the mock says, all of four letters.
enum MockWords {
    private static let text: StaticString = """
        thatwithhavethiswillyourfromtheyknowwantbeengoodmuchsometimevery\
        whencomeherejustlikelongmakemanymoreonlyoversuchtakethanthemwell\
        werewhatyearworklifeevenmosteachbothhandhighkeeplastlefthomedown\
        findfullgavegivelinemindmustnamenearneedopenpartreadsameseemsent
        """

    /// Some APIs repeat a text that is complete, up to four times: of longer texts this many words,
    /// so that the events fit a loop's scratch block.
    static let mostRepeated: UInt32 = 8_192

    /// The four letters of token `number`.
    @inline(__always)  // Two instructions.
    static func word(_ number: UInt32) -> UnsafePointer<UInt8> {
        // 64 words of four letters.
        text.utf8Start + Int(number & 63) &* 4
    }
}

/// The sets of templates that one loop has made so far.
///
/// A handle over memory it owns; single-threaded. At most `most` sets: a client that names a new
/// model in every request gets the name "mock" back from then on.
struct EventTemplates {
    /// The two templates of one style.
    struct Style: BitwiseCopyable {
        let style: EventStyle
        /// Whether every token's event is one of the two templates; see `EventStyle.isUniform`.
        let isUniform: Bool
        let content: EventTemplate
        let reasoning: EventTemplate
    }

    private static let most = 64
    /// Kept for the default name: each API, and the two that have usage modes twice more.
    private static let reserved = MockAPI.allCases.count + 2 * 2
    private static let blockSize = 1_024

    private let sets: UnsafeMutablePointer<Style>
    private var count = 0
    private let manner: EventManner

    init(manner: EventManner) {
        sets = .allocate(capacity: Self.most)
        self.manner = manner
    }

    func destroy() {
        for index in 0..<count { sets[index].style.block.deallocate() }
        sets.deallocate()
    }

    subscript(index: UInt8) -> UnsafePointer<Style> {
        assert(Int(index) < count)
        return UnsafePointer(sets + Int(index))
    }

    /// The set for a style, made now if it is new.
    ///
    /// - Parameter model: the inside of a JSON string; replaced where it isn't plain.
    mutating func find(
        _ api: MockAPI,
        _ usage: MockUsage,
        model: UnsafeRawBufferPointer
    ) -> UInt8 {
        let isPlain =
            (1...EventStyle.mostModelBytes).contains(model.count)
            && model.allSatisfy { (32..<127).contains($0) }
        let name = isPlain ? model : EventStyle.defaultModel
        if let index = search(api, usage, name) { return index }
        guard isPlain, count < Self.most - Self.reserved else {
            return search(api, usage, EventStyle.defaultModel)
                ?? make(api, usage, EventStyle.defaultModel)
        }
        return make(api, usage, name)
    }

    private func search(
        _ api: MockAPI,
        _ usage: MockUsage,
        _ model: UnsafeRawBufferPointer
    ) -> UInt8? {
        for index in 0..<count {
            let style = sets[index].style
            if style.api == api, style.usage == usage, style.model.elementsEqual(model) {
                return UInt8(index)
            }
        }
        return nil
    }

    private mutating func make(
        _ api: MockAPI,
        _ usage: MockUsage,
        _ model: UnsafeRawBufferPointer
    ) -> UInt8 {
        let size = Self.blockSize
        let block = UnsafeMutableRawPointer.allocate(byteCount: 3 * size, alignment: 64)
        block.copyMemory(from: model.baseAddress.unsafelyUnwrapped, byteCount: model.count)
        let style = EventStyle(
            api: api,
            usage: usage,
            manner: manner,
            block: block,
            modelLength: model.count
        )
        (sets + count)
            .initialize(
                to: Style(
                    style: style,
                    isUniform: style.isUniform,
                    content: EventTemplate(
                        base: block + size,
                        capacity: size,
                        style: style,
                        kind: .content
                    ),
                    reasoning: EventTemplate(
                        base: block + 2 * size,
                        capacity: size,
                        style: style,
                        kind: .reasoning
                    )
                )
            )
        count += 1
        return UInt8(count - 1)
    }
}
