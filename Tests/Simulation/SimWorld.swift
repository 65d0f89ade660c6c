import Definition
import Glibc
import Platform
import TestKit

/// Everything outside of the workers in one seed: time, a lake, a broker, chance, and what went wrong.
///
/// One thread at a time is in it: the scheduler's, or one that a worker's step started and waits for; hence
/// `@unchecked Sendable`.
final class SimWorld: @unchecked Sendable {
  let seed: UInt64
  var random: SeededGenerator
  let clock = VirtualClock()
  let trace: SimTrace
  let broker: MemoryBroker
  let lake: SimLake
  var faults = SimFaults()
  /// Whether the workers may list the sources.
  var isListable = true
  /// Until then nobody reaches them.
  var storeAwayUntil: Int64 = 0
  var brokerAwayUntil: Int64 = 0
  /// Records before these offsets were taken by retention.
  var forgotten: [TopicPartition: Int64] = [:]
  /// The first thing that must not be.
  private(set) var violation: String?
  /// Lets something else happen while a worker waits for an answer.
  var meanwhile: ((SimIncarnation) -> Void)?
  private let thread = pthread_self()
  private var depth = 0
  /// Operations of the workers on store and broker.
  private(set) var operations = 0
  /// Who sent which attempt's rows: they are needed until it is known what became of it.
  var senders: [String: SimIncarnation] = [:]

  init(seed: UInt64, prints: Bool) throws {
    self.seed = seed
    random = SeededGenerator(seed: seed &* 0x9fb2_1c65_1e98_df25 &+ 17)
    trace = SimTrace(prints: prints)
    broker = try MemoryBroker(clock: clock, sessionMilliseconds: SimWorld.sessionMilliseconds)
    lake = SimLake(clock: clock)
  }

  static let sessionMilliseconds = 10_000

  var now: Int64 { clock.now() }

  func violate(_ text: String) {
    if violation == nil {
      violation = text
      trace.add("VIOLATION \(text)")
    }
  }

  func advance(milliseconds: Int64) { clock.advance(milliseconds: milliseconds) }

  // MARK: Faults

  enum Place { case store, broker }
  enum Trouble { case died, unavailable }

  /// What befalls an operation of a worker before (`isDone` false) or after it took effect; nil: nothing.
  func befalls(_ who: SimIncarnation, _ place: Place, isDone: Bool, _ what: () -> String) -> Trouble? {
    if who.isDead { return .died }
    if !isDone {
      operations += 1
      trace.add("\(now / 1000 % 100_000_000) \(who.name) \(what())")
      if (place == .store ? storeAwayUntil : brokerAwayUntil) > now { return .unavailable }
      // A slow answer: time passes, and the world goes on.
      if faults.slow > 0, random.chance(faults.slow) { advance(milliseconds: Int64(random.int(1...4000))) }
      if faults.interleave > 0, depth < 3, pthread_equal(pthread_self(), thread) != 0, random.chance(faults.interleave)
      {
        depth += 1
        meanwhile?(who)
        depth -= 1
        if who.isDead { return .died }
      }
    }
    if faults.crash > 0, random.chance(faults.crash) {
      trace.add("  \(who.name) dies \(isDone ? "after" : "before") \(what())")
      who.isDead = true
      return .died
    }
    if faults.unavailable > 0, random.chance(faults.unavailable) {
      trace.add("  \(who.name) has no answer \(isDone ? "after" : "before") \(what())")
      return .unavailable
    }
    return nil
  }
}

/// One life of a worker, from its start to its crash.
final class SimIncarnation: @unchecked Sendable {
  // Sendable: of its world, in which one thread is at a time.
  let worker: Int
  let number: Int
  let name: String
  var isDead = false

  init(worker: Int, number: Int) {
    self.worker = worker
    self.number = number
    name = "w\(worker).\(number)"
  }
}

/// How often what happens: once in so many operations or steps, 0 for never.
struct SimFaults {
  var crash = 0
  var unavailable = 0
  var slow = 0
  var interleave = 0
  /// An append that arrives twice, or of which a part arrives.
  var duplicate = 0
  /// A worker that waits long for the store or the broker in the midst of an object.
  var hold = 0
}
