// The page's third part: what happened when, and to how many. Which charts there are, and of what;
// each is drawn elsewhere.

import SSEBombCore

extension HTMLReport {
    func pictures(_ page: inout Markup) {
        let timeLine = TimeLine(result)
        var figures: [Figure?] = []
        if let timeLine {
            figures += [
                BandChart(
                    timeLine: timeLine,
                    id: "ttft",
                    title: "Time to first token",
                    metric: .ttft,
                    histogram: \.ttft
                ).figure,
                BandChart(
                    timeLine: timeLine,
                    id: "gap",
                    title: "Gaps between tokens",
                    metric: .gap,
                    histogram: \.gap
                ).figure,
                FlightChart(
                    timeLine: timeLine,
                    askedStreams: result.askedStreams(until: timeLine.end),
                    askedStarts: result.askedStarts(until: timeLine.end)
                ).figure,
                ThroughputChart(
                    timeLine: timeLine,
                    tokens: result.tokensPerEvent.map { ($0, result.counts.throughputBasis) }
                ).figure,
            ]
        }
        let metrics: [Metric] =
            (result.hasRates ? [.ttftSched] : []) + [.ttft, .gap, .tpot, .e2e]
        figures.append(
            PercentileChart(
                curves: metrics.map { ($0, result.histograms[$0] ?? HistogramSnapshot()) }
            ).figure
        )
        if let timeLine { figures.append(FailureChart(timeLine: timeLine).figure) }
        let streams = lanes.flatMap { SwimLanes(result: result, lanes: $0).figure }
        guard streams != nil || figures.contains(where: { $0 != nil }) else { return }
        page.element("section", [("id", "pictures")]) { page in
            page.leaf("h2", "Pictures")
            if let timeLine { explain(timeLine, &page) }
            page.element("div", [("class", "figures")]) { page in
                for figure in figures { figure?.write(into: &page) }
            }
            streams?.write(into: &page)
            if lanes == nil {
                page.literal("\n")
                page.leaf(
                    "p",
                    [("id", "no-streams"), ("class", "dim")],
                    "The result holds no single streams: a run with --html keeps some of them "
                        + "token by token, and a merge leaves them out."
                )
            }
        }
    }

    /// What charts over time have in common.
    private func explain(_ timeLine: TimeLine, _ page: inout Markup) {
        page.element("p", [("class", "dim key-line")]) { page in
            page.write("Time is counted from the start of the run; ")
            page.leaf("i", [("class", "outside")], "")
            page.write(
                "outside the measured window. The strip under each chart is the client's health, "
                    + "the share of time that its busiest loop did not wait for events:"
            )
            for health in TimeLine.Health.allCases {
                page.literal(" ")
                page.element("span", [("class", "key")]) { key in
                    key.leaf("i", [("class", health.tone)], "")
                    key.write(timeLine.words(health))
                }
            }
        }
    }
}
