// The flags of `run` that turn a result into a decision. Declarations only: RunCommand gives them
// their meaning.

import ArgumentParser

/// What makes a run that was carried out a failed one.
struct JudgementOptions: ParsableArguments {
    @Flag(help: "Exit 97 unless the verdict is 'valid'.")
    var strict = false
}
