// Prompts made of words: as many as tokens are asked for, from a seed. No tokenizer runs here; the
// words are such that the usual ones make about one token of each, and the server's usage says what
// it really was. Knows neither bodies nor files.

/// Common English words, each with the space before it one token or a little more in the usual
/// vocabularies.
enum PromptWords {
    private static let text: StaticString = """
        the of and to in is that for it as was with be by on not he his but at are this have \
        from or had an they which one you were all her she there would their we him been has \
        when who will no more if out so said what up its about into than them can only other new \
        some could time these two may then do first any my now such like our over man me even \
        most made after also did many before must through back years where much your way well \
        down should because each just those people how too little state good very make world \
        still own see men work long get here between both life being under never day same \
        another know while last might us great old year off come since against go came right \
        used take three house use place part found number water air head far hand high small \
        side less next late light white form area end left line land body order case group point \
        war name city home power given large real need early four best kind face door young open \
        feel full force half field turn class heart plan south north west east sound book word \
        black free paper table local road river town sense month art death music step hard talk \
        cost play five care
        """

    /// A word with the space before it: eight bytes in memory's order, of which `length` count.
    private struct Entry {
        var bytes: UInt64
        var length: Int
    }

    private static let entries: [Entry] = {
        var found: [Entry] = []
        var entry = Entry(bytes: 0x20, length: 1)
        for index in 0...text.utf8CodeUnitCount {
            let byte = index < text.utf8CodeUnitCount ? text.utf8Start[index] : 0x20
            if byte == 0x20 {
                found.append(entry)
                entry = Entry(bytes: 0x20, length: 1)
            } else {
                precondition(entry.length < MemoryLayout<UInt64>.size, "a word is too long")
                entry.bytes |= UInt64(byte) << UInt64(8 * entry.length)
                entry.length += 1
            }
        }
        return found
    }()

    /// Number of words to choose from.
    static var count: Int { entries.count }

    /// Words for which memory is taken at a time.
    private static let batch = 512

    /// Appends so many words drawn from `random`, a space between two.
    static func append(
        _ words: Int,
        from random: inout SeededRandom,
        to target: inout Spill,
        pool: SpillPool
    ) {
        var left = words
        while left > 0 {
            let count = min(left, batch)
            left -= count
            let needsNoSpace = target.isEmpty || target.bytes[target.count - 1] == 0x20
            target.append(atMost: count * MemoryLayout<UInt64>.size, pool: pool) { memory in
                write(count, from: &random, to: memory, skipping: needsNoSpace ? 1 : 0)
            }
        }
    }

    /// Writes so many words to `memory`, which has room for eight bytes each, without the first
    /// `skipped` bytes of the first.
    ///
    /// - Returns: how many bytes that were.
    private static func write(
        _ words: Int,
        from random: inout SeededRandom,
        to memory: UnsafeMutableRawPointer,
        skipping skipped: Int
    ) -> Int {
        entries.withUnsafeBufferPointer { entries in
            var end = memory
            var skipped = skipped
            for _ in 0..<words {
                let drawn = random.next().multipliedFullWidth(by: UInt64(entries.count)).high
                let entry = entries[Int(drawn)]
                // Whole words of memory: what is too much is written over by what follows.
                let bytes = (entry.bytes >> UInt64(8 * skipped)).littleEndian
                end.storeBytes(of: bytes, as: UInt64.self)
                end += entry.length - skipped
                skipped = 0
            }
            return end - memory
        }
    }
}

/// What a synthetic prompt is made of.
public struct SyntheticPrompts: Sendable {
    /// Words of a prompt, without its shared prefix.
    public var length: Distribution

    /// Prompts of this length.
    public init(length: Distribution) { self.length = length }
}

/// Words that prompts begin with.
public struct SharedPrefix: Sendable, Equatable {
    /// Words of the prefix, in addition to those of the prompt.
    public var words: Int
    /// Number of different prefixes; each request has one of them.
    public var groups: Int

    /// No prefix is longer, and no run has more of them.
    public static let most = 1_000_000

    /// A prefix of `words` words, one of `groups` different ones.
    public init(words: Int, groups: Int) {
        self.words = words
        self.groups = groups
    }
}
