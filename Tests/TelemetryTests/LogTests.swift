import Dispatch
import FoundationEssentials
import Glibc
import Synchronization
import Testing

@testable import Logging

/// A log into memory, with a clock that is set.
private final class Recorder: Sendable {
  let lines = Mutex<[String]>([])
  /// 2026-11-21T03:00:00.123Z
  let time = Atomic<Int64>(1_795_230_000_123_456)

  func log(_ form: Log.Form, level: LogLevel = .info) -> Log {
    Log(
      level: level, form: form, clock: { self.time.load(ordering: .relaxed) },
      write: { bytes in self.lines.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } })
  }

  func advance(_ microseconds: Int64) { time.add(microseconds, ordering: .relaxed) }

  func take() -> [String] {
    lines.withLock { lines in
      defer { lines = [] }
      return lines
    }
  }
}

@Suite struct LogTests {
  @Test func forPeople() {
    let recorder = Recorder()
    let log = recorder.log(.text).with(["shard": 3])
    log.info(
      "checkpoint written", ["input": "s3://lake/a b.csv", "rows": .init(7 as UInt64), "took": 0.5, "last": true])
    log.warning("odd", ["key": "a\u{1b}[31m\nb", "empty": "", "quote": "say \"so\""])
    log.debug("not shown")
    log.error("bad \u{202e}text", ["why": .init(describing: Recorder.self)])
    #expect(
      recorder.take() == [
        "03:00:00 INFO  checkpoint written  shard=3 input=\"s3://lake/a b.csv\" rows=7 took=0.5 last=true\n",
        "03:00:00 WARN  odd  shard=3 key=a\\u{1b}[31m\\nb empty=\"\" quote=\"say \\\"so\\\"\"\n",
        "03:00:00 ERROR bad \\u{202e}text  shard=3 why=Recorder\n",
      ])
  }

  @Test func forMachines() throws {
    let recorder = Recorder()
    let log = recorder.log(.json, level: .debug)
    log.debug(
      "a \"line\"\n",
      [
        "shard": 3, "time": "mine", "n": .init(Double.nan), "big": .init(UInt64.max), "shard": 4,
        "c": "\u{7f}\u{9b}\0é",
      ])
    let line = try #require(recorder.take().first)
    #expect(
      line == #"{"time":"2026-11-21T03:00:00.123Z","level":"debug","message":"a \"line\"\n","time_":"mine","n":null,"#
        + #""big":18446744073709551615,"shard":4,"c":"\u007f\u009b\u0000é"}"# + "\n")
    _ = try JSONDecoder().decode([String: Ignored].self, from: Data(line.utf8))
  }

  private struct Ignored: Decodable {
    init(from decoder: any Decoder) {}
  }

  @Test func longTextIsCut() {
    let recorder = Recorder()
    let log = recorder.log(.json)
    log.info(String(repeating: "é", count: 100_000), ["a": .init(String(repeating: "x", count: 100_000))])
    let line = recorder.take().joined()
    #expect(line.utf8.count < 5000 && line.hasSuffix("x…\"}\n"))
  }

  @Test func times() {
    #expect(LogTime(0).instant == "1970-01-01T00:00:00.000Z")
    #expect(LogTime(-1).instant == "1969-12-31T23:59:59.999Z")
    #expect(LogTime(951_782_400_000_000).instant == "2000-02-29T00:00:00.000Z")
    #expect(LogTime(.min).instant == "0001-01-01T00:00:00.000Z")
    #expect(LogTime(.max).instant == "9999-12-31T23:59:59.999Z")
  }

  /// Days from 1583 to 2370, against Foundation, which goes by the Julian calendar before.
  @Test func days() {
    for day in stride(from: -141_000 as Int64, to: 146_097, by: 37) {
      let expected = Date(timeIntervalSince1970: Double(day) * 86_400).formatted(.iso8601.year().month().day())
      #expect(LogTime(day * 86_400_000_000).instant.prefix(10) == expected)
    }
  }

  @Test func repeatedLinesAreCounted() {
    let recorder = Recorder()
    let log = recorder.log(.text)
    for _ in 0..<58 { log.info("same", ["a": 1]) }
    log.info("other")
    #expect(recorder.take() == ["03:00:00 INFO  same  a=1\n", "03:00:00 INFO  other\n"])
    recorder.advance(1_000_000)
    log.flush()
    #expect(recorder.take() == ["03:00:01 INFO  same (repeated 57 times)\n"])
    log.info("same", ["a": 1])
    #expect(recorder.take() == ["03:00:01 INFO  same  a=1\n"])
    // The count comes with the next line too, and at the end.
    log.info("same", ["a": 1])
    recorder.advance(1_000_000)
    log.info("other")
    #expect(recorder.take() == ["03:00:02 INFO  same (repeated 1 times)\n", "03:00:02 INFO  other\n"])
    log.info("other")
    log.flush(all: true)
    #expect(recorder.take() == ["03:00:02 INFO  other (repeated 1 times)\n"])
  }

  /// Lines that differ in their fields are written, but not without bound.
  @Test func likeLinesAreWrittenUpToANumber() {
    let recorder = Recorder()
    let log = recorder.log(.text)
    for number in 0..<1000 { log.info("shard serves", ["shard": .init(number)]) }
    #expect(recorder.take().count == RepeatFilter.linesPerSecond)
    log.flush(all: true)
    #expect(recorder.take() == ["03:00:00 INFO  shard serves (repeated 980 times)\n"])
  }

  @Test func aClockThatIsSetBackHoldsNothing() {
    let recorder = Recorder()
    let log = recorder.log(.text)
    log.info("same")
    recorder.advance(-3_600_000_000)
    log.info("same")
    #expect(recorder.take().count == 2)
  }

  /// Threads' lines come whole through a pipe that is full again and again.
  @Test func linesAreWrittenWhole() {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let (reading, writing) = (ends[0], ends[1])
    _ = fcntl(writing, F_SETFL, O_NONBLOCK)
    let log = Log(form: .json, clock: { 0 }, write: { StandardError.write($0, to: writing) })
    let text = String(repeating: "x", count: 1500)
    let isRead = DispatchSemaphore(value: 0)
    let lines = Mutex<[Substring]>([])
    onAThread {
      var bytes: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 4096)
      while case let count = read(reading, &piece, piece.count), count > 0 { bytes.append(contentsOf: piece[..<count]) }
      let all = String(decoding: bytes, as: UTF8.self)
      lines.withLock { $0 = all.split(separator: "\n") }
      isRead.signal()
    }
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<20 { log.info("m\(thread)", ["round": .init(round), "text": .init(text)]) }
    }
    close(writing)
    #expect(isRead.wait(timeout: .now() + 30) == .success)
    close(reading)
    #expect(lines.withLock { $0.count } == 160)
    #expect(lines.withLock { $0.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("x\"}") } })
  }

  private func onAThread(_ body: @escaping @Sendable () -> Void) {
    DispatchQueue(label: "reader").async(execute: body)
  }
}
