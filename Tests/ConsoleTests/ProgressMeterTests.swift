import TestKit
import Testing

@testable import Console
@testable import Worker

@Suite struct ProgressMeterTests {
  private func progress(
    _ phase: BatchProgress.Phase = .reading, bytes: Int64 = 0, total: Int64 = 1_000_000_000, rows: UInt64 = 0,
    rejected: UInt64 = 0
  ) -> BatchProgress {
    BatchProgress(
      phase: phase, objects: 3, objectsTotal: 12, bytes: bytes, bytesTotal: total, rows: rows,
      rowsRejected: rejected)
  }

  private func terminal(_ width: Int, isUnicode: Bool = true) -> TerminalStyle {
    TerminalStyle(isInteractive: true, width: width, isUnicode: isUnicode, hasColor: false)
  }

  /// 100 MB and a million rows a second, for as long as speeds are smoothed and longer.
  private func running(_ style: TerminalStyle, seconds: Int) -> (ProgressMeter, BatchProgress) {
    var meter = ProgressMeter(style: style)
    var now = progress()
    for tick in 0...(seconds * 5) {
      now = progress(bytes: Int64(tick) * 20_000_000, rows: UInt64(tick) * 200_000)
      meter.update(now, at: Double(tick) / 5)
    }
    return (meter, now)
  }

  @Test func theLine() {
    let (meter, now) = running(terminal(100), seconds: 4)
    #expect(
      meter.line(now)
        == "reading  ████████████░░░░░░░░░░░░░░░░░░  40%  4,000,000 rows  100 MB/s  0:06 left  1M rows/s")
    let (ascii, then) = running(terminal(100, isUnicode: false), seconds: 5)
    #expect(
      ascii.line(then)
        == "reading  [##############..............]  50%  5,000,000 rows  100 MB/s  0:05 left  1M rows/s")
    #expect(
      meter.plainLine(now)
        == "reading 3 of 12 objects, 400 MB of 1 GB, 4,000,000 rows, 100 MB/s, 0:06 left, 1M rows/s")
  }

  @Test func otherPhases() {
    let meter = ProgressMeter(style: terminal(100))
    #expect(meter.line(progress(.listing)) == "listing   12 objects")
    #expect(meter.line(progress(.writing, rows: 5, rejected: 2)) == "writing   5 rows  2 rejected")
    #expect(meter.plainLine(progress(.done, rows: 5)) == "done, 5 rows")
  }

  /// Sizes are those of a listing: an object may turn out larger, and a source may have no bytes at all.
  @Test func oddProgressIsShownToo() {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<5000 {
      let style = terminal(Int.random(in: 40...200, using: &random), isUnicode: Bool.random(using: &random))
      var meter = ProgressMeter(style: style)
      var at = 0.0
      for _ in 0..<5 {
        let now = progress(
          [.listing, .reading, .writing, .done].randomElement(using: &random) ?? .done,
          bytes: [0, 1, 1 << 40, .max, -1].randomElement(using: &random) ?? 0,
          total: [0, 1, 1 << 40, .max].randomElement(using: &random) ?? 0,
          rows: [0, 1, 1 << 40, .max].randomElement(using: &random) ?? 0)
        meter.update(now, at: at)
        at += [0, 0.05, 0.2, 1e6, -3].randomElement(using: &random) ?? 0
        let width = DisplayText.width(meter.line(now))
        #expect(width < style.width, "\(meter.line(now)), seed \(seed)")
      }
    }
  }
}
