// How a text report is laid out: sections, named fields that wrap with a hanging indent, tables
// with aligned columns, colours only when asked for. What was laid out can be had in parts too, for
// reports that set it otherwise. Must not know what the figures mean.

/// How a text stands out.
enum Tone {
    case plain, bold, dim, red, green
}

/// Terminal attributes; all of them nothing when colours are off.
struct Paint {
    let isOn: Bool

    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }
    func red(_ text: String) -> String { wrap(text, "31") }
    func green(_ text: String) -> String { wrap(text, "32") }

    func paint(_ text: String, _ tone: Tone) -> String {
        switch tone {
        case .plain: text
        case .bold: bold(text)
        case .dim: dim(text)
        case .red: red(text)
        case .green: green(text)
        }
    }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}

/// Collects what a report holds.
struct TextLayout {
    /// One thing that was laid out.
    enum Block {
        case section(String)
        case field(name: String, text: String, indent: Int, tone: Tone)
        case note(String, indent: Int, tone: Tone)
        case table(TextTable)
        /// A piece of what a server sent.
        case excerpt(String)
        /// As it is.
        case line(String)
        /// What follows is a part's own, by its name; nil where it is the whole's again.
        case owner(String?)
    }

    static let columns = 80
    private static let nameWidth = 18
    let paint: Paint
    private(set) var blocks: [Block] = []

    init(paint: Paint) { self.paint = paint }

    /// Begins a section with an empty line and a heading.
    mutating func section(_ title: String) { blocks.append(.section(title)) }

    /// Says whose the sections and tables that follow are, for reports that set them apart.
    mutating func owner(_ name: String?) { blocks.append(.owner(name)) }

    /// A line as it is.
    mutating func line(_ text: String) { blocks.append(.line(text)) }

    /// `name  text`, the text wrapped between words and indented under its beginning.
    mutating func field(
        _ name: String,
        _ text: String,
        indent: Int = 2,
        style: (Tone.Type) -> Tone = { $0.plain }
    ) {
        blocks.append(.field(name: name, text: text, indent: indent, tone: style(Tone.self)))
    }

    /// A sentence of its own, wrapped and indented.
    mutating func note(_ text: String, indent: Int = 2, style: (Tone.Type) -> Tone) {
        blocks.append(.note(text, indent: indent, tone: style(Tone.self)))
    }

    /// The table's rows, indented.
    mutating func table(_ table: TextTable) { blocks.append(.table(table)) }

    /// A line of what a server sent.
    mutating func excerpt(_ text: String) { blocks.append(.excerpt(text)) }

    /// The whole text, with a line end behind every line.
    var text: String {
        var lines: [String] = []
        for block in blocks { append(block, to: &lines) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func append(_ block: Block, to lines: inout [String]) {
        switch block {
        case .section(let title):
            if !lines.isEmpty { lines.append("") }
            lines.append(paint.bold(title))
        case .field(let name, let text, let indent, let tone):
            let head =
                String(repeating: " ", count: indent) + name.padded(to: Self.nameWidth - indent - 1)
                + " "
            let parts = Self.wrap(text, columns: Self.columns - Self.nameWidth)
            for (index, part) in parts.enumerated() {
                let start = index == 0 ? head : String(repeating: " ", count: Self.nameWidth)
                lines.append(start + paint.paint(part, tone))
            }
        case .note(let text, let indent, let tone):
            let margin = String(repeating: " ", count: indent)
            for part in Self.wrap(text, columns: Self.columns - indent) {
                lines.append(margin + paint.paint(part, tone))
            }
        case .table(let table): lines += table.rendered(paint)
        case .excerpt(let text): lines.append(paint.dim("    | \(text)"))
        case .line(let text): lines.append(text)
        case .owner: break
        }
    }

    /// Breaks at spaces; a word longer than a line stays whole, so that it can be copied.
    static func wrap(_ text: String, columns: Int) -> [String] {
        var result: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if line.isEmpty {
                line = String(word)
            } else if line.count + 1 + word.count <= columns {
                line += " " + word
            } else {
                result.append(line)
                line = String(word)
            }
        }
        return result + [line]
    }
}

/// A table: the first column to the left, all others to the right, each as wide as its widest cell.
struct TextTable {
    /// One figure; `isWeak` sets it in parentheses, and dims it.
    struct Cell {
        var text: String
        var isWeak = false

        /// What is printed, without colour.
        var plain: String { isWeak ? "(\(text))" : text }
    }

    enum Row {
        case heading([Cell])
        case cells([Cell])
        /// Text from the second column on that no column is as wide as.
        case note(name: String, String)
    }

    private(set) var rows: [Row] = []

    mutating func heading(_ names: [String]) { rows.append(.heading(names.map { Cell(text: $0) })) }
    mutating func row(_ cells: [Cell]) { rows.append(.cells(cells)) }
    mutating func note(_ name: String, _ text: String) { rows.append(.note(name: name, text)) }

    fileprivate func rendered(_ paint: Paint) -> [String] {
        let widths = columnWidths
        // Two spaces between columns, or one where a line would become too long.
        let total = 2 + widths.reduce(0, +) + 2 * max(0, widths.count - 1)
        let gap = total > TextLayout.columns ? " " : "  "
        return rows.map { row in
            switch row {
            case .heading(let cells):
                // The heading hangs out by the indent of the rows.
                var wider = widths
                wider[0] += 2
                return paint.bold(Self.line(cells, wider, gap, paint))
            case .cells(let cells): return "  " + Self.line(cells, widths, gap, paint)
            case .note(let name, let text):
                if text.isEmpty { return "  " + paint.dim(name) }
                return "  " + name.padded(to: widths.first ?? 0) + gap + text
            }
        }
    }

    private var columnWidths: [Int] {
        var widths: [Int] = []
        for row in rows {
            let cells: [Cell]
            switch row {
            case .heading(let names): cells = names
            case .cells(let figures): cells = figures
            case .note: continue
            }
            for (column, cell) in cells.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.plain.count)
            }
        }
        return widths
    }

    private static func line(
        _ cells: [Cell],
        _ widths: [Int],
        _ gap: String,
        _ paint: Paint
    ) -> String {
        var line = ""
        for (column, cell) in cells.enumerated() {
            let text = cell.plain
            let padding = String(repeating: " ", count: max(0, widths[column] - text.count))
            let painted = cell.isWeak ? paint.dim(text) : text
            line += column == 0 ? painted + padding : gap + padding + painted
        }
        return line
    }
}

extension String {
    /// With spaces behind it until it is `width` characters long.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
