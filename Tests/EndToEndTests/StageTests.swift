// Loads that change, with the real binary: streams and rates that follow their stages, and recorded
// arrivals that are replayed.

import Foundation
import Glibc
import Testing

@Suite("Stages and traces", .serialized)
struct StageTests {
    private func codes(_ run: LoadRun) -> [String] {
        (run.result["verdict"]["reasons"].array ?? []).compactMap { $0["code"].text }
    }

    /// What the result file says of each stage.
    private func stages(_ run: LoadRun, _ name: String) -> [Double?] {
        (run.result["stages"].array ?? []).map { $0[name].double }
    }

    private static func trace(_ name: String) -> String {
        Tool.fixture("traces/\(name)")
    }

    @Test("a rate follows its stages: the same arrivals for any number of loops, none at rate 0")
    func rate() async throws {
        let mock = try await Mock()
        var starts: [[Int]] = []
        for threads in ["1", "2"] {
            let run = try await LoadRun.run(
                [
                    "--stage", "1:100/s", "--stage", "1:100/s", "--stage", "0:0/s", "--stage",
                    "1:0/s",
                ]
                    + ["--stage", "0:50/s", "--stage", "1:50/s", "--arrivals", "constant"]
                    + ["-t", threads] + Mock.chatBody + [mock.chat]
            )
            // 50 on the way up, 100, none, 50.
            #expect(run.started == 200 && run.completed == 200, "\(run.outcome.stderr)")
            #expect(run.result["arrivals"]["due"].int == 200)
            #expect(run.result["arrivals"]["greatest_deviation"].int != nil)
            #expect(run.result["plan"]["rate"].double == 50)
            #expect(run.result["plan"]["duration_s"].double == 4)
            #expect(stages(run, "asked") == [50, 100, 0, 50])
            #expect(stages(run, "target") == [100, 100, 0, 50])
            #expect(stages(run, "seconds") == [1, 1, 1, 1])
            #expect(run.outcome.stdout.contains("0/s to 100/s in 1 s: 50.0/s asked, "))
            let intervals = run.result["intervals"].array ?? []
            starts.append(intervals.prefix(4).map { $0["requests"]["started"].int ?? -1 })
        }
        for started in starts {
            // A second of the time line is closed up to a look later than it ends.
            for (found, asked) in zip(started, [50, 100, 0, 50]) {
                #expect(abs(found - asked) <= 12, "\(started)")
            }
        }
    }

    @Test("the achieved arrivals of stages are tested against the asked law")
    func law() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            ["-R", "20", "--stage", "3:300/s", "--seed", "3"] + Mock.chatBody + [mock.chat]
        )
        let test = run.result["arrivals"]["ks"]
        let started = try #require(run.started)
        #expect(abs(started - 480) < 110 && test["n"].int == started - 1)
        // Times between starts range over an order of magnitude; in arrivals they are of one law.
        #expect(try #require(test["p_value"].double) > 0.001, "\(test)")
    }

    @Test("streams follow their stages, running ones finish, and the verdict looks at the line")
    func streams() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            ["--stage", "1:20", "--stage", "2:20", "--stage", "1:0", "--stage", "1:0"]
                + ["--stage", "0:10", "--stage", "2:10", "-t", "2"] + Mock.chatBody + [mock.chat]
        )
        let started = try #require(run.started)
        #expect(started > 100 && run.completed == started && run.requests("cut") == 0)
        #expect(stages(run, "asked") == [10, 20, 10, 0, 10])
        let held = stages(run, "achieved").compactMap { $0 }
        #expect(held.count == 5)
        for (found, asked) in zip(held, [10.0, 20, 10, 0, 10]) {
            #expect(abs(found - asked) < 3, "\(held)")
        }
        #expect(run.result["plan"]["streams"].int == 20)
        #expect(run.result["plan"]["ramp_down_s"].double == 30)
        #expect(!codes(run).contains("streams_held"), "\(run.outcome.stdout)")
        // Twenty and then ten connections: who is not wanted any more closes its own.
        #expect(run.opened == 30)
        #expect(run.result["run"]["measured_s"].double == 7)
    }

    @Test("--ramp-down 0 cuts what runs when the line falls, and the slots come back")
    func rampDown() async throws {
        let server = try ScriptedServer([.readRequest, .hold])
        defer { server.stop() }
        let run = try await LoadRun.run(
            ["-c", "6", "--stage", "1:6", "--stage", "0:2", "--stage", "1:2", "--stage", "0:4"]
                + ["--stage", "1:4", "--ramp-down", "0", "--drain", "0", server.url]
        )
        // Six at first, four cut, two more begin; the four of the end are cut by the drain.
        #expect(run.started == 8 && run.requests("cut") == 8)
        let held = stages(run, "achieved")
        #expect(abs(try #require(held[0]) - 6) < 0.5, "\(held)")
        #expect(abs(try #require(held[1]) - 2) < 0.5, "\(held)")
        #expect(run.result["metrics"]["ttft"]["unfinished"]["count"].int == 8)
    }

    @Test("streams that a server doesn't let open are missing, however many finish late")
    func missing() async throws {
        let run = try await LoadRun.run(
            ["--stage", "0:20", "--stage", "3:20", "http://127.0.0.1:1/"]
        )
        #expect(run.outcome.status == 69)
        #expect(codes(run).contains("streams_held"), "\(run.outcome.stdout)")
        #expect(run.outcome.stdout.contains("give the stages more time"))
    }

    @Test(
        "a trace is replayed at its own instants, whatever its format",
        arguments: [
            ("mooncake.jsonl", "mooncake", 4, 4),
            ("burstgpt-sessions.csv", "burstgpt", 3, 5),
            ("azure.csv", "azure", 3, 0.5), ("own.jsonl", "ssebomb", 3, 1),
        ]
    )
    func replay(name: String, format: String, rows: Int, speed: Double) async throws {
        let mock = try await Mock()
        for threads in ["1", "2"] {
            let run = try await LoadRun.run(
                ["--arrivals", "trace:" + Self.trace(name), "--speed", "\(speed)", "-t", threads]
                    + Mock.chatBody + [mock.chat]
            )
            #expect(run.started == rows && run.completed == rows, "\(run.outcome.stderr)")
            let plan = run.result["plan"]
            #expect(plan["arrivals"].text == "trace" && plan["model"].text == "open")
            #expect(plan["trace"]["format"].text == format)
            #expect(plan["trace"]["rows"].int == rows)
            #expect(plan["trace"]["speed"].double == speed)
            let arrivals = run.result["arrivals"]
            #expect(arrivals["process"].text == "trace" && !arrivals["ks"].exists)
            #expect(arrivals["pacing_error"]["count"].int == rows)
            #expect(try #require(arrivals["greatest_deviation"].int) < 500_000_000)
            let words = run.outcome.stdout.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
            #expect(words.contains("(\(format)), \(rows) rows, "))
        }
    }

    @Test("a window of a trace at a speed takes its time, and asks for its rows")
    func window() async throws {
        let server = try ScriptedServer([.readRequest, .hold])
        defer { server.stop() }
        let run = try await LoadRun.run(
            ["--trace", Self.trace("burstgpt.csv"), "--trace-window", "1..41", "--speed", "40"]
                + ["--drain", "0", server.url]
        )
        #expect(run.started == 2 && run.requests("cut") == 2)
        #expect(run.result["plan"]["duration_s"].double == 0.976)
        #expect(run.result["plan"]["trace"]["from_s"].double == 1)
        #expect(run.result["plan"]["trace"]["to_s"].double == 41)
        let limited = try await LoadRun.run(
            ["--trace", Self.trace("burstgpt.csv"), "--speed", "1000", "-n", "3"]
                + ["--drain", "0", server.url]
        )
        #expect(limited.started == 3)
    }

    @Test("a broken trace is one sentence with file and line, and nothing is sent")
    func broken() async throws {
        let directory = try TemporaryDirectory()
        let text = "Timestamp,Model,Request tokens,Response tokens\n5,m,1,1\n4,m,1,1\n"
        let path = try directory.write("bad.csv", Array(text.utf8))
        let server = try ScriptedServer([.readRequest, .hold])
        defer { server.stop() }
        let outcome = try await Binary.run(["--trace", path, server.url])
        #expect(outcome.status == 64 && outcome.stdout.isEmpty)
        #expect(
            outcome.stderr == "ssebomb: --trace: \(path), line 3: it is 1.0 s earlier than the row"
                + " before it: sort the rows by time\n"
        )
        #expect(server.requests.isEmpty)
        let long = try await Binary.run(
            ["--trace", Self.trace("azure.csv"), "--trace-context", "500", "--dry-run", server.url]
        )
        #expect(long.status == 64 && long.stderr.contains("line 3: prompt and answer have 505"))
    }

    @Test("--dry-run shows stages and traces")
    func dryRun() async throws {
        let url = "http://127.0.0.1:1/"
        let staged = try await Binary.run(
            ["--dry-run", "-R", "5", "--stage", "30s:200/s", "--stage", "0:10/s", "--stage"]
                + ["1m:10/s", "--warmup", "10s", url]
        )
        #expect(staged.stdout.contains("from 5/s, 30s to 200/s, at once to 10/s, 60s to 10/s"))
        let rows = staged.stdout.split(separator: "\n")
        #expect(rows.contains { $0.hasPrefix("duration ") && $0.hasSuffix(" 80s") })
        let trace = try await Binary.run(
            ["--dry-run", "--trace", Self.trace("mooncake.jsonl"), "--trace-window", "..0.5", url]
        )
        #expect(trace.stdout.contains("mooncake.jsonl, mooncake"))
        #expect(trace.stdout.contains("3, with 2137 prompt tokens and 16 answer tokens"))
        #expect(trace.stdout.contains("from 0s to 500ms"))
    }
}
