import Console
import Glibc
import Worker

/// Runs a batch to its end: on a thread of its own, while the main one shows progress and takes signals.
struct BatchDriver {
  let errors: TextOutput
  let isQuiet: Bool

  /// How long a run that was told to stop may take to tidy up.
  private static let patienceSeconds = 3.0
  private static let redrawMilliseconds = 200

  /// What the run gave. A run that a signal stopped throws ``Failure/init(signal:_:)``; one that published before it could
  /// be stopped counts as finished.
  func drive(_ run: BatchRun) throws(Failure) -> Result<BatchOutcome, BatchError> {
    let signals = SignalSet()
    let start = Machine.monotonicSeconds()
    var display = ProgressDisplay(errors, isQuiet: isQuiet, start: start)
    var stopped: (signal: Int32, at: Double)?
    let thread = RunThread(run)
    try thread.start()
    display.show(run.progress, at: start)
    while true {
      let signal = signals.wait(milliseconds: BatchDriver.redrawMilliseconds)
      let now = Machine.monotonicSeconds()
      if let ended = thread.ended {
        display.clear()
        if let stopped, case .failure = ended { throw stop(stopped.signal) }
        return ended
      }
      if let signal {
        if stopped != nil { abandon(signal) }
        stopped = (signal, now)
        run.cancel()
      }
      if let stopped, now - stopped.at > BatchDriver.patienceSeconds { abandon(stopped.signal) }
      if stopped == nil { display.show(run.progress, at: now) }
    }
  }

  private func stop(_ signal: Int32) -> Failure {
    Failure(signal: signal, "stopped by \(SignalSet.name(signal)); nothing was published")
  }

  /// Ends the process while the run's threads still work: a request that hangs must not hold up whoever waits.
  /// Temporary files have no name any more by then (they are unlinked when they are made), so the system removes them.
  private func abandon(_ signal: Int32) -> Never {
    errors.write("\ntributary: error: stopped by \(SignalSet.name(signal)) before the run could tidy up\n")
    _exit(128 + signal)
  }
}
