import Console
import Worker

/// Shows a run's progress on standard error: one line that is redrawn on a terminal, now and then a line elsewhere.
struct ProgressDisplay {
  private let output: TextOutput
  private let isQuiet: Bool
  private let start: Double
  private var meter: ProgressMeter
  private var lastLine: Double
  private var isDrawn = false

  /// Seconds between lines in a log.
  private static let plainSeconds = 10.0

  /// `start`: the monotonic seconds at which the run began.
  init(_ output: TextOutput, isQuiet: Bool, start: Double) {
    self.output = output
    self.isQuiet = isQuiet
    self.start = start
    meter = ProgressMeter(style: output.style)
    lastLine = start
  }

  mutating func show(_ progress: BatchProgress, at now: Double) {
    guard !isQuiet else { return }
    meter.update(progress, at: now - start)
    if output.style.isInteractive {
      // To the start of the line, the text, and nothing of the last one behind it.
      output.write("\r\(meter.line(progress))\u{1b}[K")
      isDrawn = true
    } else if now - lastLine >= ProgressDisplay.plainSeconds {
      output.write("tributary: \(meter.plainLine(progress))\n")
      lastLine = now
    }
  }

  /// Takes the line away, so that other text can follow.
  mutating func clear() {
    guard isDrawn else { return }
    output.write("\r\u{1b}[K")
    isDrawn = false
  }
}
