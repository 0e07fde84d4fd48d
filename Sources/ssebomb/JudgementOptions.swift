// The flags of `run` that turn a result into a decision. Declarations only: RunCommand and
// CalibrationInput give them their meaning.

import ArgumentParser

/// What a run is judged by, and what makes one that was carried out a failed one.
struct JudgementOptions: ParsableArguments {
    @Flag(help: "Exit 97 unless the verdict is 'valid'.")
    var strict = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Judge the run by what 'ssebomb selftest -o FILE' showed this machine to do.",
            valueName: "FILE"
        )
    )
    var calibration: String?
}
