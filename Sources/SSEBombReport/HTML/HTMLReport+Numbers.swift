// The page's second part: the figures of the text report, word for word, set as lists and tables. A
// wide table becomes a list of cards where the screen is narrow. Must not know what a figure means.

import SSEBombCore

extension HTMLReport {
    func numbers(_ page: inout Markup) {
        var layout = TextLayout(paint: Paint(isOn: false))
        text.figures(&layout)
        page.element("section", [("id", "numbers")]) { page in
            page.leaf("h2", "Numbers")
            page.element("div", [("class", "groups")]) { page in
                var names: Set<String> = []
                for group in Self.groups(layout.blocks) {
                    // Names of classes may be alike but for their case, or for what was cut off.
                    let name = group.title.lowercased()
                    var (unlike, number) = (name, 1)
                    while !names.insert(unlike).inserted {
                        number += 1
                        unlike = "\(name) (\(number))"
                    }
                    Self.write(group, as: unlike, &page)
                }
            }
        }
    }

    /// What stands under one heading.
    private struct Group {
        var title: String
        var blocks: [TextLayout.Block] = []

        var hasWideTable: Bool {
            blocks.contains { block in
                guard case .table(let table) = block else { return false }
                return table.columns > HTMLReport.fewColumns
            }
        }
    }

    /// A table with more columns doesn't fit on a telephone.
    private static let fewColumns = 4

    private static func groups(_ blocks: [TextLayout.Block]) -> [Group] {
        var groups: [Group] = []
        // What is of a class of load stands under its name.
        var owner = ""
        for block in blocks {
            switch block {
            case .owner(let name): owner = name.map { ", \($0)" } ?? ""
            case .section(let title): groups.append(Group(title: title + owner))
            case .line(let text) where text.isEmpty: continue
            case .table(let table):
                // A table's heading is a section's.
                groups.append(Group(title: table.title + owner, blocks: [block]))
            default:
                if groups.isEmpty { groups.append(Group(title: "")) }
                groups[groups.count - 1].blocks.append(block)
            }
        }
        return groups
    }

    /// - Parameter name: no other group has it.
    private static func write(_ group: Group, as name: String, _ page: inout Markup) {
        let tone = group.hasWideTable ? "group wide" : "group"
        page.element("div", [("class", tone), ("data-group", name)]) { page in
            page.leaf("h3", group.title)
            var fields: [(name: String, text: String, tone: Tone)] = []
            var excerpt: [String] = []
            func flush(_ page: inout Markup) {
                if !fields.isEmpty {
                    page.element("dl") { list in
                        for field in fields { list.field(field.name, field.text, field.tone) }
                    }
                }
                if !excerpt.isEmpty {
                    page.literal("\n")
                    page.leaf("pre", excerpt.joined())
                }
                fields = []
                excerpt = []
            }
            for block in group.blocks {
                if case .field(let name, let text, _, let tone) = block {
                    if !excerpt.isEmpty { flush(&page) }
                    fields.append((name, text, tone))
                    continue
                }
                if case .excerpt(let text) = block {
                    if !fields.isEmpty { flush(&page) }
                    excerpt.append(text)
                    continue
                }
                flush(&page)
                switch block {
                case .note(let text, _, let tone):
                    page.leaf("p", tone == .plain ? [] : [("class", "\(tone)")], text)
                case .line(let text): page.leaf("p", text)
                case .table(let table): write(table, &page)
                case .section, .field, .excerpt, .owner: break
                }
            }
            flush(&page)
        }
    }

    // MARK: Tables

    private static func write(_ table: TextTable, _ page: inout Markup) {
        var names: [String] = []
        let tone = table.columns > fewColumns ? "cards" : "plain"
        page.element("table", [("class", tone)]) { page in
            for row in table.rows {
                switch row {
                case .heading(let cells):
                    names = cells.map(\.text)
                    page.element("tr") { line in
                        for (column, cell) in cells.enumerated() {
                            // The first names the table, as the heading above it does.
                            let name = column == 0 ? "" : cell.text
                            line.leaf("th", column == 0 ? [] : [("class", "n")], name)
                        }
                    }
                case .cells(let cells): write(cells, names, &page)
                case .note(let name, let text):
                    page.element("tr", [("class", "note")]) { line in
                        let words = [name, text].filter { !$0.isEmpty }.joined(separator: ": ")
                        line.leaf("td", [("colspan", "\(max(1, names.count))")], words)
                    }
                }
            }
        }
    }

    private static func write(
        _ cells: [TextTable.Cell],
        _ names: [String],
        _ page: inout Markup
    ) {
        page.element("tr", [("data-row", cells.first?.text ?? "")]) { line in
            for (column, cell) in cells.enumerated() {
                let name = column < names.count ? names[column] : ""
                if column == 0 {
                    line.leaf("td", cell.text)
                } else {
                    let tone = cell.isWeak ? "n weak" : "n"
                    line.leaf("td", [("class", tone), ("data-name", name)], cell.plain)
                }
            }
        }
    }
}

extension TextTable {
    /// Of the widest row.
    fileprivate var columns: Int {
        rows.map { row in
            switch row {
            case .heading(let cells), .cells(let cells): cells.count
            case .note: 1
            }
        }.max() ?? 0
    }

    /// The first cell of the first heading.
    fileprivate var title: String {
        for case .heading(let cells) in rows { return cells.first?.text ?? "" }
        return ""
    }
}
