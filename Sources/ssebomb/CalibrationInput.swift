// `--calibration`: the self-test's file that a run is judged by, read before any load. What makes a
// file unusable is the report's business.

import SSEBombCore
import SSEBombReport

extension JudgementOptions {
    /// The file, read and checked; nil where none was named.
    func readCalibration() throws(SetupError) -> Calibration? {
        guard let calibration else { return nil }
        let bytes = try FileInput.read(calibration, for: "--calibration")
        do throws(CalibrationError) {
            return try Calibration(
                reading: bytes,
                path: calibration,
                toolVersion: PlanBuilder.version
            )
        } catch {
            throw SetupError(.usage, error.sentence)
        }
    }
}
