import Glibc

/// The signals that end a run, taken by the main thread as events instead of in handlers.
///
/// They are blocked in every thread (threads inherit the mask, so this comes before the first one is started), which
/// leaves them pending for `sigtimedwait`. That needs no handler, in which hardly anything may be called.
struct SignalSet {
  /// How the worker's thread wakes the main one.
  private static let wake = SIGUSR1
  private var set = sigset_t()

  /// Blocks them. Those that whoever started the program has set to be ignored stay so (nohup, background jobs): Linux
  /// would otherwise keep them pending as long as they are blocked.
  init() {
    sigemptyset(&set)
    sigaddset(&set, SignalSet.wake)
    for signal in [SIGINT, SIGTERM, SIGHUP] where !SignalSet.isIgnored(signal) { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Waits at most so long; gives the signal that arrived, nil for none or for a wake-up.
  func wait(milliseconds: Int) -> Int32? {
    var set = self.set
    var timeout = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    let signal = sigtimedwait(&set, nil, &timeout)
    return signal > 0 && signal != SignalSet.wake ? signal : nil
  }

  /// Ends the `wait` of a thread that is in it, or else its next one. From any thread.
  static func wake(_ thread: pthread_t) { pthread_kill(thread, wake) }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    // SIG_IGN is the address 1, which no function has.
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
  }

  static func name(_ signal: Int32) -> String {
    switch signal {
    case SIGINT: "SIGINT"
    case SIGTERM: "SIGTERM"
    case SIGHUP: "SIGHUP"
    default: "signal \(signal)"
    }
  }
}
