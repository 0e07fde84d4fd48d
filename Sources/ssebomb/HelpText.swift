// What help says beyond the flags: examples first, then exit statuses.

/// Texts of the help pages.
enum HelpText {
    /// Examples and statuses of `run`.
    static let run = """
        Examples:
          ssebomb http://127.0.0.1:8080/events
          ssebomb -c 10000 -d 60s --post body.json URL
          ssebomb -c 50 -n 500 --bearer-env OPENAI_API_KEY --post body.json URL
          ssebomb -R 100 -d 60s --post body.json URL   (100 requests a second)
          ssebomb -c 50 --model m --dataset sharegpt.json --order shuffle URL
          ssebomb --stage 30s:200/s --stage 2m:200/s --post body.json URL
          ssebomb -c 2000 --ramp 10s --warmup 5s -o result.json URL
          ssebomb -c 200 -d 60s --threshold 'ttft:p99<500ms' --post body.json URL
          ssebomb -R 50 -d 60s --slo 'ttft<1s,e2e<20s' --threshold 'attainment>0.95' URL
          ssebomb --dry-run --post body.json URL   (sends nothing)
          ssebomb probe --post body.json URL       (one stream, event by event)

        Times: 500ms, 30s, 1m30s; a bare number is seconds. Counts: 500, 10k. Sizes: 64k, 1M.

        Exit status: 0 done; 1 internal failure, or a result that couldn't be written; 64 usage; \
        69 not one request completed and some failed; 96 a threshold couldn't be judged; 97 the \
        verdict is not 'valid' (--strict); 99 a threshold was missed; 129, 130 or 143 hung up, \
        interrupted or terminated, with the report written.
        """

    /// Examples and statuses of `probe`.
    static let probe = """
        Examples:
          ssebomb probe --max-events 10 http://127.0.0.1:8080/events
          ssebomb probe --json --post body.json URL

        Exit status: 0 the stream completed; 1 it failed; 64 usage; 69 the name can't be resolved.
        """

    /// Examples and statuses of `compare`.
    static let compare = """
        Examples:
          ssebomb compare main.json branch.json
          ssebomb compare --fail-if 'ttft.p99 > +10%' --fail-if 'tokens.rate < -5%' A.json B.json
          ssebomb compare main-1.json,main-2.json,main-3.json new-1.json,new-2.json,new-3.json
          ssebomb compare --format markdown runs/main runs/branch   (directories of results)

        Each figure's difference has a 95 % interval, from the seconds of the runs or, with three \
        or more a side, between them; a word stands beside it where that holds.

        Exit status: 0 no regression; 1 internal failure; 64 usage, or plans that are unlike; 96 a \
        --fail-if couldn't be judged; 97 a verdict is 'invalid'; 98 a regression.
        """

    /// Examples and statuses of `selftest`.
    static let selftest = """
        Examples:
          ssebomb selftest -o machine.json
          ssebomb run --calibration machine.json -c 2000 --post body.json URL
          ssebomb selftest --streams 500,2k --rate 50 --time 10s
          ssebomb selftest --full

        Starts a mock server in a process of its own on one CPU, loads it from another, and holds \
        the client's report against the mock's own record: 250, 1,000 and 4,000 streams x 25 and \
        50 events/s, plain and TLS, in at most 90 s; --full up to 8,000 x 100/s. The last line \
        says how far this machine can be trusted. Leave the machine alone meanwhile.

        Exit status: 0 done; 1 internal failure, or a file that couldn't be written; 64 usage; 97 \
        not one load could be trusted; 130 or 143 interrupted, with what was measured so far.
        """

    /// Examples and statuses of `report`.
    static let report = """
        Examples:
          ssebomb report result.json
          ssebomb report result.json --csv figures.csv --hlog run.hlog --hgrm gap=gap.hgrm
          ssebomb report result.json --vllm-json - | python3 plot.py

        Exit status: 0 done; 1 internal failure, or a file that couldn't be written; 64 usage, or \
        a file that isn't a sound result. Gates stand as they were judged then, and don't enter \
        the status.
        """

    /// Examples and statuses of `merge`.
    static let merge = """
        Examples:
          ssebomb merge host1.json host2.json -o all.json
          ssebomb merge part*.json --threshold 'ttft:p99<500ms'

        Histograms and counters add, in whatever order; rates are those of the time that all parts \
        have in common.

        Exit status: 0 done; 1 internal failure, or a file that couldn't be written; 64 usage, or \
        results that can't be merged; 96 a threshold couldn't be judged; 99 one was missed.
        """

    /// The list of subcommands under the bare help.
    static func subcommands(_ commands: [(name: String, abstract: String)]) -> String {
        let width = commands.map(\.name.count).max() ?? 0
        let lines = commands.map { command in
            let space = String(repeating: " ", count: width - command.name.count + 2)
            return "  \(command.name)\(space)\(command.abstract)"
        }
        return "SUBCOMMANDS:\n\(lines.joined(separator: "\n"))\n\n"
            + "  See 'ssebomb help SUBCOMMAND' for the flags of one of them.\n"
    }
}
