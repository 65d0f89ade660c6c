import Glibc

/// One stage of the program on rows that are in memory, and what others need for the same bytes.
struct Stage {
  let name: String
  let rows: Int
  /// What goes through the stage: text where it reads text, values where it moves values.
  let bytes: Int
  let run: () throws -> Void
  let yardsticks: [Yardstick]

  /// A lower bound of the stage's time, or another's way of doing the same.
  struct Yardstick {
    let name: String
    let run: () throws -> Void
  }
}

/// Seconds of this thread's processor time, medians over the rounds.
struct Measurement {
  let stage: Stage
  let seconds: Double
  /// One a yardstick.
  let yardsticks: [Double]

  /// A stage and its yardsticks in turn, so that what else the machine does meets all of them. The first round only warms
  /// up. What takes less than ``enough`` is repeated within a round.
  init(_ stage: Stage, rounds: Int) throws {
    let bodies = [stage.run] + stage.yardsticks.map(\.run)
    let repeats = try bodies.map { max(1, Int((Measurement.enough / (try Measurement.seconds($0))).rounded(.up))) }
    var times = [[Double]](repeating: [], count: bodies.count)
    for _ in 0..<rounds {
      for (index, body) in bodies.enumerated() {
        let seconds = try Measurement.seconds { for _ in 0..<repeats[index] { try body() } }
        times[index].append(seconds / Double(repeats[index]))
      }
    }
    let medians = times.map { $0.sorted()[$0.count / 2] }
    self.stage = stage
    seconds = medians[0]
    yardsticks = Array(medians.dropFirst())
  }

  private static let enough = 0.02

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let began = processorTime()
    try body()
    return max(processorTime() - began, 1e-9)
  }

  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// What cannot be measured.
struct MicrobenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A stage that did other work than was asked of it was not measured.
func require(_ condition: Bool, _ what: @autoclosure () -> String) throws(MicrobenchError) {
  if !condition { throw MicrobenchError(what()) }
}
