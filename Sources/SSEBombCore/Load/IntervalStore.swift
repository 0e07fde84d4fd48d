// The closed intervals of a time line in memory that is taken once: the cells of their histograms
// lie packed in one buffer, in order. Must not know when an interval ends or how long it is.

/// Intervals, packed.
struct IntervalStore {
    /// Each without the cells of its histograms.
    private(set) var entries: [RunInterval] = []
    /// Where the cells of each end in `bytes`.
    private var ends: [Int] = []
    private var bytes: [UInt8]

    private static var histograms: [WritableKeyPath<RunInterval, HistogramSnapshot>] {
        [\.ttft, \.gap, \.tpot, \.e2e]
    }

    /// - Parameters:
    ///   - reserve: bytes for cells. With any, all memory is taken, and touched, at once, so that a
    ///     run that fills it later doesn't grow.
    ///   - most: intervals.
    init(reserve: Int, most: Int) {
        bytes = [UInt8](repeating: 0, count: reserve)
        if reserve > 0 {
            let blank = RunInterval(startSeconds: 0, ttft: .init(), gap: .init())
            entries = Array(repeating: blank, count: most + 1)
            entries.removeAll(keepingCapacity: true)
        } else {
            entries.reserveCapacity(most + 1)
        }
        ends.reserveCapacity(most + 1)
    }

    var count: Int { entries.count }

    /// Bytes of all cells.
    var used: Int { ends.last ?? 0 }

    mutating func append(_ interval: RunInterval) {
        var entry = interval
        var place = used
        for path in Self.histograms { entry[keyPath: path].pack(into: &bytes, at: &place) }
        entries.append(entry)
        ends.append(place)
    }

    subscript(index: Int) -> RunInterval {
        var interval = entries[index]
        var place = index > 0 ? ends[index - 1] : 0
        for path in Self.histograms { interval[keyPath: path].unpack(from: bytes, at: &place) }
        return interval
    }

    /// All of them, in order.
    var all: [RunInterval] { entries.indices.map { self[$0] } }

    /// Joins each with its neighbour; returns the last one, taken out, where their number is odd.
    mutating func halve(_ join: (RunInterval, RunInterval) -> RunInterval) -> RunInterval? {
        let old = count
        let rest = old % 2 == 1 ? self[old - 1] : nil
        var (halved, halvedEnds): ([RunInterval], [Int]) = ([], [])
        halved.reserveCapacity(entries.capacity)
        halvedEnds.reserveCapacity(ends.capacity)
        var place = 0
        for index in stride(from: 0, to: old - 1, by: 2) {
            // Both are taken out before the joint one, which needs no more room than they did, is
            // written over them.
            var joint = join(self[index], self[index + 1])
            for path in Self.histograms { joint[keyPath: path].pack(into: &bytes, at: &place) }
            halved.append(joint)
            halvedEnds.append(place)
        }
        (entries, ends) = (halved, halvedEnds)
        return rest
    }
}
