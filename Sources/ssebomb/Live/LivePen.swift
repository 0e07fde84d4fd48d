// Lines of the live view as they are written: cut to the width, named, coloured; and rows of small
// columns. Must not know what they say.

/// Writes lines of a width.
struct LivePen {
    enum Style { case plain, bold, dim, good, warning }

    let columns: Int
    let color: Bool
    private(set) var lines: [String] = []

    private static let nameColumns = 12

    init(columns: Int, color: Bool) {
        self.columns = columns
        self.color = color
    }

    /// Columns beside a field's name.
    var room: Int { max(0, columns - Self.nameColumns) }

    mutating func blank() { lines.append("") }

    mutating func line(_ text: String, style: Style = .plain) {
        lines.append(painted(text.cut(toColumns: columns), style))
    }

    mutating func field(_ name: String, _ text: String, style: Style = .plain) {
        let shown = text.cut(toColumns: room)
        let head = String(name.padded(toColumns: Self.nameColumns).prefix(columns))
        lines.append(painted(head, .dim) + painted(shown, style))
    }

    private func painted(_ text: String, _ style: Style) -> String {
        guard color else { return text }
        let code =
            switch style {
            case .plain: ""
            case .bold: "1"
            case .dim: "2"
            case .good: "32"
            case .warning: "31"
            }
        return code.isEmpty ? text : "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

/// A row of small columns.
enum Sparkline {
    private static let blocks = Array("▁▂▃▄▅▆▇█")

    /// The last `columns` of `values`, each as high as it is compared with the greatest.
    static func text(_ values: [Double], columns: Int) -> String {
        let shown = values.suffix(max(0, columns))
        guard let greatest = shown.max(), greatest > 0 else {
            return String(repeating: blocks[0], count: shown.count)
        }
        return String(
            shown.map { value in
                let height = (value / greatest * Double(blocks.count - 1)).rounded()
                return blocks[max(0, min(blocks.count - 1, Int(height)))]
            }
        )
    }
}
