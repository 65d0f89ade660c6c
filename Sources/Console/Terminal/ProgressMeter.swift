public import Worker

/// Makes lines of a run's progress: how much, how fast, how long still.
///
/// Pure: the caller passes the time in. One line is redrawn on a terminal; elsewhere whole lines come now and then.
public struct ProgressMeter: Sendable {
  private let style: TerminalStyle
  /// Recent bytes a second and rows a second, smoothed.
  private var byteRate: Double?
  private var rowRate: Double?
  private var last: (seconds: Double, bytes: Int64, rows: UInt64)?

  /// Seconds over which a change of speed shows.
  private static let smoothingSeconds = 5.0

  /// Columns kept free for numbers: a bar whose length followed theirs would jump.
  private static let factsWidth = 46

  public init(style: TerminalStyle) { self.style = style }

  /// Takes in where the run stands `seconds` after its start.
  public mutating func update(_ progress: BatchProgress, at seconds: Double) {
    guard progress.phase == .reading else { return }
    guard let before = last else {
      last = (seconds, progress.bytes, progress.rows)
      return
    }
    let elapsed = seconds - before.seconds
    guard elapsed >= 0.1 else { return }
    // A file is read in blocks, so one interval says little: weigh it by its share of the smoothing time.
    let weight = min(1, elapsed / Self.smoothingSeconds)
    let bytes = Double(progress.bytes) - Double(before.bytes)
    let rows = Double(progress.rows) - Double(before.rows)
    byteRate = Self.blend(byteRate, max(0, bytes) / elapsed, weight)
    rowRate = Self.blend(rowRate, max(0, rows) / elapsed, weight)
    last = (seconds, progress.bytes, progress.rows)
  }

  /// One line for a terminal, at most its width less one (the last column would wrap on some).
  public func line(_ progress: BatchProgress) -> String {
    let room = style.width - 1
    let facts = facts(progress)
    let phase = DisplayText.pad(phase(progress), 8)
    var text = phase
    if let share = share(progress) {
      let percent = DisplayText.pad("\(Int(share * 100))%", 4, isRight: true)
      let barWidth = min(30, room - phase.count - 1 - percent.count - 1 - Self.factsWidth)
      if barWidth >= 8 { text += " " + bar(share, barWidth) }
      text += " " + percent
    }
    for fact in facts {
      guard DisplayText.width(text) + 2 + DisplayText.width(fact) <= room else { break }
      text += "  " + fact
    }
    return text
  }

  /// One line for a log.
  public func plainLine(_ progress: BatchProgress) -> String {
    var text = phase(progress)
    if progress.phase == .reading {
      text +=
        " \(NumberText.grouped(progress.objects)) of \(NumberText.grouped(progress.objectsTotal)) objects"
      text += ", \(NumberText.bytes(progress.bytes)) of \(NumberText.bytes(progress.bytesTotal))"
    }
    return ([text] + facts(progress)).joined(separator: ", ")
  }

  private func phase(_ progress: BatchProgress) -> String {
    switch progress.phase {
    case .listing: "listing"
    case .reading: "reading"
    case .writing: "writing"
    case .done: "done"
    }
  }

  /// 0…1; nil where there is no total to compare with.
  private func share(_ progress: BatchProgress) -> Double? {
    guard progress.phase == .reading, progress.bytesTotal > 0 else { return nil }
    return min(1, max(0, Double(progress.bytes) / Double(progress.bytesTotal)))
  }

  private func facts(_ progress: BatchProgress) -> [String] {
    if progress.phase == .listing {
      return progress.objectsTotal == 0 ? [] : ["\(NumberText.grouped(progress.objectsTotal)) objects"]
    }
    var facts = ["\(NumberText.grouped(progress.rows)) rows"]
    if progress.phase == .reading, let byteRate, let rowRate {
      facts.append(NumberText.byteRate(byteRate))
      if let left = secondsLeft(progress, byteRate) { facts.append("\(NumberText.clock(left)) left") }
      facts.append("\(NumberText.short(rowRate)) rows/s")
    }
    if progress.rowsRejected > 0 { facts.append("\(NumberText.grouped(progress.rowsRejected)) rejected") }
    return facts
  }

  private func secondsLeft(_ progress: BatchProgress, _ rate: Double) -> Double? {
    let bytes = Double(progress.bytesTotal) - Double(progress.bytes)
    guard progress.bytesTotal > 0, bytes >= 0, rate > 0 else { return nil }
    return bytes / rate
  }

  private func bar(_ share: Double, _ width: Int) -> String {
    guard style.isUnicode else {
      let done = Int(share * Double(width - 2))
      return "[" + String(repeating: "#", count: done) + String(repeating: ".", count: width - 2 - done) + "]"
    }
    let eighths = Int(share * Double(width * 8))
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let done = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    let rest = String(repeating: "░", count: width - done.count)
    return style.paint(done, .cyan) + style.paint(rest, .dim)
  }

  private static func blend(_ old: Double?, _ new: Double, _ weight: Double) -> Double {
    old.map { $0 + (new - $0) * weight } ?? new
  }
}
