// How many columns of a terminal a text takes, and text made to fit so many. Must not know what the
// text says.

extension Unicode.Scalar {
    /// Columns on a terminal: as of wcwidth(3), which goes by the locale, and nobody has set one.
    var columns: Int {
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: return value >= Self.wide[0].lowerBound && isWide ? 2 : 1
        }
    }

    private var isWide: Bool {
        var (low, high) = (0, Self.wide.count)
        while low < high {
            let middle = (low + high) / 2
            if Self.wide[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < Self.wide.count && Self.wide[low].contains(value)
    }

    /// Wide and fullwidth characters (Unicode 14.0, EastAsianWidth.txt: W and F); what is
    /// unassigned between two of them, or on the planes of ideographs, counts as they do.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115f, 0x231a...0x231b, 0x2329...0x232a, 0x23e9...0x23ec, 0x23f0...0x23f0,
        0x23f3...0x23f3, 0x25fd...0x25fe, 0x2614...0x2615, 0x2648...0x2653, 0x267f...0x267f,
        0x2693...0x2693, 0x26a1...0x26a1, 0x26aa...0x26ab, 0x26bd...0x26be, 0x26c4...0x26c5,
        0x26ce...0x26ce, 0x26d4...0x26d4, 0x26ea...0x26ea, 0x26f2...0x26f3, 0x26f5...0x26f5,
        0x26fa...0x26fa, 0x26fd...0x26fd, 0x2705...0x2705, 0x270a...0x270b, 0x2728...0x2728,
        0x274c...0x274c, 0x274e...0x274e, 0x2753...0x2755, 0x2757...0x2757, 0x2795...0x2797,
        0x27b0...0x27b0, 0x27bf...0x27bf, 0x2b1b...0x2b1c, 0x2b50...0x2b50, 0x2b55...0x2b55,
        0x2e80...0x303e, 0x3041...0x3247, 0x3250...0x4dbf, 0x4e00...0xa4c6, 0xa960...0xa97c,
        0xac00...0xd7a3, 0xf900...0xfad9, 0xfe10...0xfe19, 0xfe30...0xfe6b, 0xff01...0xff60,
        0xffe0...0xffe6, 0x16fe0...0x1b2fb, 0x1f004...0x1f004, 0x1f0cf...0x1f0cf, 0x1f18e...0x1f18e,
        0x1f191...0x1f19a, 0x1f200...0x1f320, 0x1f32d...0x1f335, 0x1f337...0x1f37c,
        0x1f37e...0x1f393, 0x1f3a0...0x1f3ca, 0x1f3cf...0x1f3d3, 0x1f3e0...0x1f3f0,
        0x1f3f4...0x1f3f4, 0x1f3f8...0x1f43e, 0x1f440...0x1f440, 0x1f442...0x1f4fc,
        0x1f4ff...0x1f53d, 0x1f54b...0x1f54e, 0x1f550...0x1f567, 0x1f57a...0x1f57a,
        0x1f595...0x1f596, 0x1f5a4...0x1f5a4, 0x1f5fb...0x1f64f, 0x1f680...0x1f6c5,
        0x1f6cc...0x1f6cc, 0x1f6d0...0x1f6d2, 0x1f6d5...0x1f6df, 0x1f6eb...0x1f6ec,
        0x1f6f4...0x1f6fc, 0x1f7e0...0x1f7f0, 0x1f90c...0x1f93a, 0x1f93c...0x1f945,
        0x1f947...0x1f9ff, 0x1fa70...0x1faf6, 0x20000...0x3fffd,
    ]
}

extension Character {
    /// Columns on a terminal.
    var columns: Int { unicodeScalars.reduce(0) { $0 + $1.columns } }
}

extension String {
    /// Columns on a terminal.
    var columns: Int { reduce(0) { $0 + $1.columns } }

    /// With spaces behind it, at least so many columns wide.
    func padded(toColumns width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - columns))
    }

    /// No wider than so many columns, with an ellipsis where that takes something away: at the end
    /// of a word, if one ends in the second half of the room. Half a figure would be another one.
    func cut(toColumns room: Int) -> String {
        guard columns > room else { return self }
        guard room > 0 else { return "" }
        var (end, used) = (startIndex, 0)
        var space: Index?
        for index in indices {
            // The place of the ellipsis may be that of the space behind a word.
            if self[index] == " ", used * 2 >= room { space = index }
            let width = self[index].columns
            if used + width > room - 1 { break }
            used += width
            end = self.index(after: index)
        }
        var kept = self[..<(space ?? end)]
        while kept.last == " " { kept.removeLast() }
        return kept + "…"
    }

    /// No wider than so many columns, with an ellipsis in the middle where that takes something
    /// away: of names both ends tell.
    func cutInside(toColumns room: Int) -> String {
        guard columns > room else { return self }
        guard room > 0 else { return "" }
        func kept(_ characters: some Sequence<Character>, _ most: Int) -> [Character] {
            var used = 0
            return Array(
                characters.prefix {
                    used += $0.columns
                    return used <= most
                }
            )
        }
        let end = (room - 1) / 2
        return String(kept(self, room - 1 - end)) + "…" + String(kept(reversed(), end).reversed())
    }
}
