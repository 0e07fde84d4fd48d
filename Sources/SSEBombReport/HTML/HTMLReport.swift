// A run's result as one page: first the decision, then the numbers, then the pictures, then how to
// run it again. Needs no script and asks nobody for anything. Must not know where the page goes.

import SSEBombCore

/// The page of `--html`.
struct HTMLReport {
    let result: RunResult
    let verdict: Verdict
    let thresholds: [ThresholdResult]
    let context: RunContext
    /// Streams to draw token by token; nil where they aren't known.
    let lanes: [StreamSample.Lane]?

    /// No page of a run without classes, labels and gates is larger, bytes, but for a long command
    /// line: each picture is bounded in points, and names, kinds and samples of failures are
    /// bounded in number.
    static let mostBytes = 400_000

    /// The page of a run, whether it has just ended or was stored.
    init(_ run: FinishedRun) {
        result = run.result
        verdict = run.verdict
        thresholds = run.thresholds
        context = run.context
        lanes = run.lanes
    }

    /// The whole page as UTF-8.
    func render() -> [UInt8] {
        let title =
            result.classes.isEmpty
            ? "\(result.plan.request.method) \(Redaction.url(of: result.plan.request))"
            : "\(Units.count(result.classes.count)) classes of load"
        var page = Markup()
        page.literal("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")
        page.shape(
            "meta",
            [("name", "viewport"), ("content", "width=device-width, initial-scale=1")]
        )
        // Nothing is fetched, and no script runs, whatever a server put into its answers.
        page.shape(
            "meta",
            [
                ("http-equiv", "Content-Security-Policy"),
                ("content", "default-src 'none'; style-src 'unsafe-inline'"),
            ]
        )
        page.shape("meta", [("name", "color-scheme"), ("content", "light dark")])
        page.literal("\n")
        page.leaf("title", "ssebomb: \(title)")
        page.literal("\n<style>\n")
        page.literal(Self.style)
        page.literal("</style>\n</head>\n<body>")
        header(title, &page)
        page.element("main") { page in
            decision(&page)
            numbers(&page)
            pictures(&page)
            again(&page)
        }
        footer(&page)
        page.literal("\n</body>\n</html>\n")
        return Array(page.text.utf8)
    }

    // MARK: Head and foot

    private func header(_ title: String, _ page: inout Markup) {
        page.element("header") { page in
            page.leaf("p", [("class", "brand")], "ssebomb")
            page.leaf("h1", title)
            page.element("dl", [("class", "plan")]) { list in
                for block in headlineBlocks {
                    // The target is the page's title.
                    guard case .field(let name, let text, _, let tone) = block, name != "target"
                    else { continue }
                    list.field(name, text, tone)
                }
                list.field("started", Timestamp.rfc3339(result.startedAt), .plain)
                for label in context.labels.sorted(by: { $0.key < $1.key }) {
                    list.field(
                        PrintableText.line(label.key, limit: 40),
                        PrintableText.line(label.value, limit: 200),
                        .plain
                    )
                }
            }
        }
    }

    private var headlineBlocks: [TextLayout.Block] {
        var layout = TextLayout(paint: Paint(isOn: false))
        text.headline(&layout)
        return layout.blocks
    }

    /// The text report of the same run: words are its own.
    var text: TextReport {
        TextReport(result, verdict: verdict, thresholds: thresholds, color: false)
    }

    private func footer(_ page: inout Markup) {
        let machine = context.environment
        let cpus = machine.cpus.map { "\($0) CPU\($0 == 1 ? "" : "s")" }
        let parts = [
            "ssebomb \(context.toolVersion)", "run \(context.id)", machine.cpuModel, cpus,
            machine.kernel, machine.machine,
        ]
        page.element("footer") { page in
            page.leaf(
                "p",
                parts.compactMap { $0 }.map { PrintableText.line($0, limit: 100) }
                    .joined(separator: " · ")
            )
        }
    }

    // MARK: Again

    private func again(_ page: inout Markup) {
        page.element("section", [("id", "again")]) { page in
            page.leaf("h2", "Run it again")
            guard !context.command.isEmpty else {
                let cause = result.merged == nil ? "" : ": those of its parts differ"
                page.leaf("p", "The result has no command line\(cause).")
                return
            }
            page.literal("\n")
            page.element("pre") { $0.leaf("code", ShellCommand.text(context.command)) }
            if context.command.contains(where: { $0.contains(Redaction.mask) }) {
                page.leaf(
                    "p",
                    [("class", "dim")],
                    "\(Redaction.mask) stands for what no output shows."
                )
            }
        }
    }
}

extension Markup {
    /// A name and what is said of it, in a list of such.
    mutating func field(_ name: String, _ text: String, _ tone: Tone) {
        element("div") { item in
            item.leaf("dt", name)
            item.leaf("dd", tone == .plain ? [] : [("class", "\(tone)")], text)
        }
    }
}
