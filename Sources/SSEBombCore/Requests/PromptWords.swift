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

    /// Start and length of each word in `text`.
    private static let places: [(start: Int, length: Int)] = {
        var found: [(start: Int, length: Int)] = []
        var start = 0
        for index in 0...text.utf8CodeUnitCount {
            let isEnd = index == text.utf8CodeUnitCount || text.utf8Start[index] == 0x20
            guard isEnd else { continue }
            found.append((start, index - start))
            start = index + 1
        }
        return found
    }()

    /// Number of words to choose from.
    static var count: Int { places.count }

    /// Appends so many words drawn from `random`, a space between two.
    static func append(
        _ words: Int,
        from random: inout SeededRandom,
        to target: inout Spill,
        pool: SpillPool
    ) {
        places.withUnsafeBufferPointer { places in
            for _ in 0..<words {
                let drawn = random.next().multipliedFullWidth(by: UInt64(places.count)).high
                let place = places[Int(drawn)]
                let isFirst = target.isEmpty || target.bytes[target.count - 1] == 0x20
                if !isFirst { RequestBytes.append(byte: 0x20, to: &target, pool: pool) }
                target.append(text.utf8Start + place.start, place.length, pool: pool)
            }
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
