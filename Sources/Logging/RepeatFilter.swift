/// Keeps a log readable when the same thing happens ten thousand times a second. Pure: time is passed in.
///
/// Lines belong together by level and message; fields do not count for that. Within a second after a message's first
/// line, a line that says exactly the same (fields too) is not written, nor more than ``linesPerSecond`` of them; those
/// are counted, and the count is written when the second is over.
struct RepeatFilter {
  static let windowMicroseconds: Int64 = 1_000_000
  static let linesPerSecond = 20
  /// Messages remembered at a time; beyond it, lines are written.
  static let messagesMax = 256

  private struct Key: Hashable {
    var level: LogLevel
    var message: String
  }

  private struct Window {
    var start: Int64
    var written: Set<[LogField]>
    var held = 0
  }

  private var windows: [Key: Window] = [:]

  /// The lines to be written now, oldest first: counts whose second is over, then this one unless it is held back.
  mutating func admit(_ line: LogLine) -> [LogLine] {
    var lines = over(line.time)
    let key = Key(level: line.level, message: line.message)
    guard var window = windows[key] else {
      if windows.count < Self.messagesMax { windows[key] = Window(start: line.time, written: [line.fields]) }
      lines.append(line)
      return lines
    }
    if window.written.count < Self.linesPerSecond, window.written.insert(line.fields).inserted {
      lines.append(line)
    } else {
      window.held += 1
    }
    windows[key] = window
    return lines
  }

  /// Counts whose second is over.
  mutating func over(_ now: Int64) -> [LogLine] {
    // A clock that was set back must not hold lines for longer.
    let isOver = { (window: Window) in now < window.start || now - window.start >= Self.windowMicroseconds }
    return close(now) { isOver($0) }
  }

  /// All counts, for the end.
  mutating func all(_ now: Int64) -> [LogLine] { close(now) { _ in true } }

  private mutating func close(_ now: Int64, _ isOver: (Window) -> Bool) -> [LogLine] {
    let ended = windows.filter { isOver($0.value) }
    for key in ended.keys { windows[key] = nil }
    return ended.filter { $0.value.held > 0 }
      .sorted { ($0.value.start, $0.key.message) < ($1.value.start, $1.key.message) }
      .map { key, window in
        LogLine(
          time: now, level: key.level, message: "\(key.message) (repeated \(window.held) times)",
          fields: [])
      }
  }
}
