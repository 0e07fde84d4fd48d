// What `run --repeat` prints: a line for each run, and at the end how far the runs lie apart. Must
// not know where the lines go.

import Glibc
import SSEBombCore

/// Repeats of one run.
public enum RepeatReport {
    /// One run in one line, ending with a line end.
    public static func line(_ run: ComparedRun, number: Int, of count: Int) -> String {
        var parts = [run.verdict.state.rawValue]
        for figure in [
            .percentile(.ttft, 50), .percentile(.ttft, 99), .percentile(.gap, 99),
            .percentile(.e2e, 50),
        ] as [ComparedFigure] {
            guard let value = run.stated(figure) else { continue }
            parts.append("\(figure.name) \(figure.text(value))")
        }
        for rate in ComparedRate.allCases {
            guard let series = run.rates[rate] else { continue }
            parts.append("\(Units.rate(series.rate)) \(rate.rawValue)/s")
        }
        for share in ComparedShare.allCases {
            guard let series = run.shares[share], series.whole > 0 else { continue }
            let isNews = share == .attainment || series.part > 0
            if isNews { parts.append("\(share.rawValue) \(Units.share(series.share))") }
        }
        return "\(number)/\(count)  " + parts.joined(separator: "  ") + "\n"
    }

    /// The spread between runs: least, median, greatest, and the standard deviation over the mean.
    public static func spread(_ runs: [ComparedRun]) -> String {
        var table = TextTable()
        table.heading([
            "Between \(Units.count(runs.count)) runs", "n", "least", "median", "greatest", "CV",
        ])
        for figure in ComparedFigure.standard {
            let values = runs.compactMap { $0.stated(figure) }.sorted()
            guard let least = values.first, let greatest = values.last else { continue }
            let middle = values.count / 2
            let median =
                values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
            let cells = [
                figure.name, Units.count(values.count), figure.text(least), figure.text(median),
                figure.text(greatest), variation(values),
            ]
            table.row(cells.map { TextTable.Cell(text: $0) })
        }
        var layout = TextLayout(paint: Paint(isOn: false))
        layout.line("")
        layout.table(table)
        return layout.text
    }

    /// Coefficient of variation; "-" where there is none.
    private static func variation(_ values: [Double]) -> String {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        guard count > 1, mean > 0 else { return "-" }
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return Units.share((squares / (count - 1)).squareRoot() / mean).replacing(" ", with: "")
    }
}

extension ComparedRun {
    /// A figure of the run; nil where it wasn't measured, or where too few samples support it.
    func stated(_ figure: ComparedFigure) -> Double? { try? value(of: figure).get() }
}
