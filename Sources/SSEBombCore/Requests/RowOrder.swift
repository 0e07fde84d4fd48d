// Which row of a file a request takes: a pure function of the request's number and the seed, so
// that loops need not agree on anything. Knows no file.

/// The order in which requests take the rows of a file (`--order`).
public enum RowOrder: String, Sendable, CaseIterable {
    /// As they stand in the file, and from the start again.
    case sequential
    /// Each round through all rows in an order of its own, no row twice in a round.
    case shuffle
    /// Drawn anew each time: some rows come twice before others come once.
    case random

    /// The row of request `number` among `count` rows.
    func row(_ number: UInt64, of count: UInt64, seed: UInt64) -> UInt64 {
        switch self {
        case .sequential: return number % count
        case .shuffle:
            let round = number / count
            let key = RequestRandom.key(seed, .order, round)
            return RowPermutation(count: count, key: key).image(of: number % count)
        case .random:
            // The high half of a product is uniform to within count / 2^64.
            return RequestRandom.key(seed, .order, number).multipliedFullWidth(by: count).high
        }
    }
}

/// A keyed permutation of 0..<count without a table: a Feistel network over the next even number of
/// bits, walked along its cycle until it falls inside (Black and Rogaway: Ciphers with arbitrary
/// finite domains, CT-RSA 2002). The network is at most four times as large as the domain, so the
/// walk takes four steps on average at most.
struct RowPermutation {
    private let count: UInt64
    private let key: UInt64
    private let halfBits: UInt64

    /// Luby and Rackoff's bound for a permutation that looks random from both sides is four.
    private static let rounds: UInt64 = 4

    init(count: UInt64, key: UInt64) {
        self.count = count
        self.key = key
        let bits = UInt64(64 - max(count - 1, 1).leadingZeroBitCount)
        halfBits = (bits + 1) / 2
    }

    /// Where `index`, below `count`, goes.
    func image(of index: UInt64) -> UInt64 {
        var value = index
        repeat { value = permute(value) } while value >= count
        return value
    }

    private func permute(_ value: UInt64) -> UInt64 {
        let mask = (1 << halfBits) - 1 as UInt64
        var left = value >> halfBits
        var right = value & mask
        for round in 0..<Self.rounds {
            let mixed = RequestRandom.mix(key ^ (right << 3 | round))
            (left, right) = (right, left ^ (mixed & mask))
        }
        return left << halfBits | right
    }
}

/// Random numbers that belong to a request: of the seed, of what they are for, and of the request's
/// number alone.
enum RequestRandom {
    /// What numbers are drawn for; each has a sequence of its own.
    enum Purpose: UInt64 {
        case order = 0x6F72_6465_7200
        case lengths = 0x6C65_6E67_7468
        case words = 0x776F_7264_7300
        case prefix = 0x7072_6566_6978
        case block = 0x626C_6F63_6B00
        case session = 0x7365_7373_696F
        case unique = 0x756E_6971_7565
        case uuid = 0x7575_6964_0000
        case target = 0x7461_7267_6574
        case phase = 0x7068_6173_6500
    }

    /// A bijection of 64 bits that leaves no trace of its argument's pattern (SplitMix64's).
    static func mix(_ value: UInt64) -> UInt64 {
        var random = SeededRandom(seed: value)
        return random.next()
    }

    /// One number; for one seed and purpose no two `number`s have the same.
    static func key(_ seed: UInt64, _ purpose: Purpose, _ number: UInt64) -> UInt64 {
        mix(mix(seed ^ purpose.rawValue) ^ number)
    }

    /// A number of a name: FNV-1a, whose collisions among a trace's sessions are as rare as those
    /// of any 64 bits.
    static func digest(_ name: UnsafeRawBufferPointer) -> UInt64 {
        name.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// A sequence of numbers.
    static func stream(_ seed: UInt64, _ purpose: Purpose, _ number: UInt64) -> SeededRandom {
        SeededRandom(seed: key(seed, purpose, number))
    }
}
