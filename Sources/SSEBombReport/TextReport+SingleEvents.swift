// The report's lines about single events and requests: what became of events' own send times and of
// the logs, and what to do where the send times can't be right.

import SSEBombCore

extension TextReport {
    /// Above this share events without a send time are no longer the API's few special ones (a
    /// role, a usage), and the path is wrong.
    private static let mostMissing = 0.5
    /// Above this share events that came before their sending are no longer a step of the clock.
    private static let mostBeforeSend = 0.01
    /// No live stream takes this long to the nearest event: the unit, or the clock, is another.
    private static let implausible = Nanoseconds.seconds(60)

    func sendTimes(_ layout: inout TextLayout) {
        guard let times = result.counts.sendTimes, let path = result.plan.sendTime else { return }
        let all = times.read &+ times.missing
        guard all > 0 else { return }
        layout.field(
            "send times",
            "\(Units.count(times.read)) read, \(Units.count(times.missing)) events without one, "
                + "\(Units.count(times.beforeSend)) after the event's arrival"
        )
        let place = PrintableText.line(path.text, limit: 60)
        if Double(times.missing) > Self.mostMissing * Double(all) {
            layout.note(
                "Events without a number at '\(place)' are in no one_way: `ssebomb probe` shows "
                    + "what they hold."
            ) { $0.red }
        }
        if Double(times.beforeSend) > Self.mostBeforeSend * Double(times.read) {
            layout.note(
                "Events that arrived before they were sent are in no one_way: the sender's clock "
                    + "isn't this machine's. Stamp them here, with CLOCK_MONOTONIC or real time."
            ) { $0.red }
        }
        guard let least = result.histograms[.oneWay]?.min, least > Self.implausible else { return }
        layout.note(
            "No event took less than \(Units.duration(least)): is '\(path.unit.rawValue)' the unit"
                + " at '\(place)', and the clock this machine's? Name the unit in --sent-at."
        ) { $0.red }
    }

    func eventLog(_ layout: inout TextLayout) {
        guard let log = result.counts.eventLog else { return }
        let streams = result.plan.loggedStreams
        layout.field(
            "event log",
            "\(Units.count(log.written)) events of \(Units.count(streams)) "
                + "\(streams == 1 ? "stream" : "streams"), \(Units.count(log.lost)) lost"
        )
        guard log.lost > 0 else { return }
        layout.note(
            "Lost events found the log behind: lower --event-log-streams, or leave the client a "
                + "CPU more."
        ) { $0.red }
    }

    func requestLog(_ layout: inout TextLayout) {
        guard let log = result.counts.requestLog else { return }
        layout.field(
            "request log",
            "\(Units.count(log.written)) requests, \(Units.count(log.lost)) lost"
        )
        guard log.lost > 0 else { return }
        layout.note(
            "Lost requests found the log behind: leave the client a CPU more, or name a file on a "
                + "faster disk with --per-request."
        ) { $0.red }
    }
}
