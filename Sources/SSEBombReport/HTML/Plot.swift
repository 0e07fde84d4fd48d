// One plot: a grid with labels, room for what is drawn in it, and names beside the lines. Its width
// is the page's: shapes are stretched, text is not, so one drawing serves a telephone and a sheet
// of paper. Must not know where its values come from.

/// A plot on its way to SVG.
struct Plot {
    /// Shapes have x from 0 to this; the page stretches it.
    static let width = 1_000.0
    /// Least distance of two labels below each other.
    static let lineHeight = 15.0

    /// A name beside a line.
    struct Name {
        let text: String
        /// Of the line's end.
        var y: Double
        /// The line's class.
        let tone: String
        /// Place of the line's end from 0 to 1.
        var place = 1.0
    }

    let height: Double
    let scale: AxisScale
    /// Words for a value of the vertical axis.
    let label: (Double) -> String
    /// Shapes, drawn in order.
    var shapes = Markup()
    var names: [Name] = []

    init(height: Double, scale: AxisScale, label: @escaping (Double) -> String) {
        self.height = height
        self.scale = scale
        self.label = label
    }

    func y(_ value: Double) -> Double { scale.y(value, height: height) }

    /// A line through points (x from 0 to `width`, and a value); a lone point is a dot.
    mutating func line(_ points: [(x: Double, value: Double)], _ tone: String) {
        guard let first = points.first else { return }
        var path = "M\(Coordinate.text(first.x)) \(Coordinate.text(y(first.value)))"
        if points.count == 1 { path += "h0" }
        for point in points.dropFirst() {
            path += "L\(Coordinate.text(point.x)) \(Coordinate.text(y(point.value)))"
        }
        shapes.shape("path", [("class", "line \(tone)"), ("d", path)])
    }

    /// The area between two values of each point.
    mutating func area(_ points: [(x: Double, low: Double, high: Double)], _ tone: String) {
        guard points.count > 1 else { return }
        func corner(_ x: Double, _ value: Double) -> String {
            "\(Coordinate.text(x)) \(Coordinate.text(y(value)))"
        }
        let upper = points.map { corner($0.x, $0.high) }
        let lower = points.reversed().map { corner($0.x, $0.low) }
        shapes.shape(
            "path",
            [("class", "area \(tone)"), ("d", "M" + (upper + lower).joined(separator: "L") + "Z")]
        )
    }

    /// A rectangle: x from 0 to `width`, distances from the plot's top.
    struct Bar {
        let start: Double
        let end: Double
        let top: Double
        let bottom: Double
    }

    /// Rectangles of one colour, as one path: there may be thousands.
    mutating func bars(_ bars: [Bar], _ tone: String) {
        let path = bars.map { bar in
            let width = Coordinate.text(max(0, bar.end - bar.start))
            let height = Coordinate.text(max(0, bar.bottom - bar.top))
            return "M\(Coordinate.text(bar.start)) \(Coordinate.text(bar.top))"
                + "h\(width)v\(height)h-\(width)z"
        }
        guard !path.isEmpty else { return }
        shapes.shape("path", [("class", tone), ("d", path.joined())])
    }

    // MARK: SVG

    /// Grid, shapes and names at `top` of the drawing.
    func draw(at top: Double, into svg: inout Markup) {
        for tick in scale.ticks {
            let at = Coordinate.text(top + y(tick))
            svg.shape(
                "line",
                [("class", "grid"), ("x1", "0"), ("x2", "100%"), ("y1", at), ("y2", at)]
            )
            svg.literal("\n")
            svg.leaf("text", [("class", "low"), ("x", "0"), ("dx", "-8"), ("y", at)], label(tick))
        }
        svg.element(
            "svg",
            [
                ("y", Coordinate.text(top)), ("width", "100%"),
                ("height", Coordinate.text(height)),
                ("viewBox", "0 0 \(Coordinate.text(Self.width)) \(Coordinate.text(height))"),
                ("preserveAspectRatio", "none"),
            ]
        ) { $0.append(shapes) }
        for name in Self.spread(names, height: height) {
            svg.literal("\n")
            svg.leaf(
                "text",
                [
                    ("class", "name \(name.tone)"), ("x", Coordinate.percent(name.place)),
                    ("dx", "7"), ("y", Coordinate.text(top + name.y)),
                ],
                name.text
            )
        }
    }

    /// Labels of the horizontal axis under a plot that ends at `bottom`.
    static func draw(_ axis: HorizontalAxis, under bottom: Double, into svg: inout Markup) {
        for tick in axis.ticks {
            svg.literal("\n")
            svg.leaf(
                "text",
                [
                    ("class", tick.isSpare ? "under spare" : "under"),
                    ("x", Coordinate.percent(tick.place)),
                    ("y", Coordinate.text(bottom + 14)),
                ],
                tick.label
            )
        }
    }

    /// Names moved up and down as little as it takes to keep them a line apart, within the plot.
    static func spread(_ names: [Name], height: Double) -> [Name] {
        // Those of one height keep their order.
        var names = names.enumerated().sorted {
            ($0.element.y, $0.offset) < ($1.element.y, $1.offset)
        }
        .map(\.element)
        for index in names.indices.dropFirst() {
            names[index].y = max(names[index].y, names[index - 1].y + lineHeight)
        }
        var limit = height
        for index in names.indices.reversed() {
            names[index].y = min(names[index].y, limit)
            limit = names[index].y - lineHeight
        }
        return names
    }
}

/// A figure of the page: a title, what it says in words, and a drawing.
struct Figure {
    let id: String
    let title: String
    /// What is drawn, of how many.
    let caption: String
    /// Names of colours, where lines have no names beside them.
    var legend: [(tone: String, text: String)] = []
    /// Of the drawing.
    var height: Double
    var drawing: Markup

    func write(into page: inout Markup) {
        page.element("figure", [("id", id)]) { page in
            page.element("figcaption") { page in
                page.leaf("b", title)
                page.literal(" ")
                page.leaf("span", caption)
                if !legend.isEmpty {
                    page.element("ul", [("class", "legend")]) { list in
                        for entry in legend {
                            list.element("li") { item in
                                item.leaf("i", [("class", entry.tone)], "")
                                item.write(entry.text)
                            }
                        }
                    }
                }
            }
            page.element("div", [("class", "plot")]) { page in
                page.element(
                    "svg",
                    [
                        ("role", "img"), ("aria-label", "\(title): \(caption)"),
                        ("height", Coordinate.text(height)),
                    ]
                ) { $0.append(drawing) }
            }
        }
    }
}
