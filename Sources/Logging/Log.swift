internal import Synchronization

/// A process's log: whole lines, for people on a terminal and as JSON elsewhere. Any thread.
///
/// A log is a value: ``with(_:)`` gives one that adds fields to each line and writes to the same place.
///
/// ```
/// let log = Log(form: .json, clock: clock.now, write: StandardError.write)
/// log.with(["shard": 3]).info("checkpoint written", ["position": .init(position)])
/// ```
public struct Log: Sendable {
  private let sink: Sink
  private let context: [LogField]

  public enum Form: Sendable {
    /// `12:03:11 INFO  message  shard=3`
    case text
    /// `{"time":"2026-11-21T03:00:00.123Z","level":"info","message":"…","shard":3}`
    case json
  }

  public typealias Fields = KeyValuePairs<String, LogField.Value>

  /// `clock` gives microseconds since 1970-01-01T00:00:00Z; `write` takes a whole line with its end, one at a time.
  public init(
    level: LogLevel = .info, form: Form, clock: @escaping @Sendable () -> Int64,
    write: @escaping @Sendable ([UInt8]) -> Void
  ) {
    sink = Sink(level: level, form: form, clock: clock, write: write)
    context = []
  }

  private init(sink: Sink, context: [LogField]) {
    self.sink = sink
    self.context = context
  }

  /// Goes nowhere.
  public static let none = Log(level: .error, form: .text, clock: { 0 }, write: { _ in })

  /// A log whose lines have these fields too.
  public func with(_ fields: Fields) -> Log {
    Log(sink: sink, context: context + fields.map { LogField($0.key, $0.value) })
  }

  public func debug(_ message: String, _ fields: Fields = [:]) { write(.debug, message, fields) }
  public func info(_ message: String, _ fields: Fields = [:]) { write(.info, message, fields) }
  public func warning(_ message: String, _ fields: Fields = [:]) { write(.warning, message, fields) }
  public func error(_ message: String, _ fields: Fields = [:]) { write(.error, message, fields) }

  public func isOn(_ level: LogLevel) -> Bool { level >= sink.level }

  public func write(_ level: LogLevel, _ message: String, _ fields: Fields = [:]) {
    guard isOn(level) else { return }
    sink.write(level, message, context + fields.map { LogField($0.key, $0.value) })
  }

  /// Writes the counts of repeated lines whose second is over: for a thread that ticks, since they come with the next
  /// line otherwise. `all`: the others too, at the end of the process.
  public func flush(all: Bool = false) { sink.flush(all: all) }
}

/// What copies of a log share.
private final class Sink: Sendable {
  let level: LogLevel
  private let form: Log.Form
  private let clock: @Sendable () -> Int64
  private let output: @Sendable ([UInt8]) -> Void
  /// Held while writing: lines come in the order of their times, and whole.
  private let filter = Mutex(RepeatFilter())

  init(
    level: LogLevel, form: Log.Form, clock: @escaping @Sendable () -> Int64,
    write: @escaping @Sendable ([UInt8]) -> Void
  ) {
    self.level = level
    self.form = form
    self.clock = clock
    output = write
  }

  func write(_ level: LogLevel, _ message: String, _ fields: [LogField]) {
    filter.withLock { filter in
      emit(filter.admit(LogLine(time: clock(), level: level, message: message, fields: fields)))
    }
  }

  func flush(all: Bool) {
    filter.withLock { filter in
      let now = clock()
      emit(all ? filter.all(now) : filter.over(now))
    }
  }

  private func emit(_ lines: [LogLine]) {
    for line in lines { output(Array((form == .json ? line.json : line.text).utf8)) }
  }
}
