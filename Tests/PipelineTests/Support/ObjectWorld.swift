@testable import Pipeline

/// One object's key, a store that changes it, notifications, and workers that look and commit what they saw: every
/// interleaving of a script is walked through (after `model/objects2.py`).
struct ObjectWorld: Hashable {
  enum Operation: CaseIterable { case put, delete }

  /// How the ledger and the workers behave.
  enum Rule: CaseIterable {
    /// ``LedgerFold``, and workers that take `base` before they look.
    case real
    /// Nothing is refused: every entry goes by what is accepted when it is appended.
    case withoutBase
  }

  /// What happens to notifications on their way.
  struct Trouble: OptionSet, Hashable {
    let rawValue: Int
    static let lost = Trouble(rawValue: 1)
    static let repeated = Trouble(rawValue: 2)
  }

  /// What a worker saw and has not appended yet.
  struct Observation: Hashable {
    var version: String?
    var base: Int?
    /// The notification that made it look.
    var hint: Int
  }

  private static let object = ObjectIdentity(source: "s", bucket: "b", key: "k")

  let rule: Rule
  /// Operations done.
  var done = 0
  var stored: String?
  /// Notifications under way, by the number of their operation; sorted.
  var hints: [Int] = []
  var observations: [Observation] = []
  var fold: LedgerFold

  init(rule: Rule) {
    self.rule = rule
    fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1))
  }

  var accepted: LedgerFold.Accepted? { fold.objects[Self.object] }
  var isOver: Bool { hints.isEmpty && observations.isEmpty }

  // Worlds are equal if they behave alike from here on: of a base only counts whether it is the accepted one.
  private var isCurrent: [[String: Bool]] {
    observations.map { ["\($0.version ?? "none") \($0.hint)": $0.base == accepted?.position] }
  }
  private var isAnythingAccepted: Bool { accepted != nil }

  static func == (a: ObjectWorld, b: ObjectWorld) -> Bool {
    a.done == b.done && a.stored == b.stored && a.hints == b.hints && a.isCurrent == b.isCurrent
      && a.accepted?.version == b.accepted?.version && a.isAnythingAccepted == b.isAnythingAccepted
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(done)
    hasher.combine(stored)
    hasher.combine(hints)
    hasher.combine(isCurrent)
    hasher.combine(accepted?.version)
    hasher.combine(isAnythingAccepted)
  }

  /// All worlds that may come next.
  func next(_ script: [Operation], _ trouble: Trouble) -> [(String, ObjectWorld)] {
    var worlds: [(String, ObjectWorld)] = []
    if done < script.count {
      for copies in trouble.contains(.repeated) ? [2] : [1] {
        worlds.append(("\(script[done])", storing(script[done], hints: copies)))
      }
      if trouble.contains(.lost) {
        worlds.append(("\(script[done]), unheard", storing(script[done], hints: 0)))
      }
    }
    for index in hints.indices where index == 0 || hints[index - 1] != hints[index] {
      worlds.append(("a worker hears of \(hints[index]) and sees \(stored ?? "none")", looking(index)))
    }
    for index in observations.indices {
      let entry = observations[index]
      let (accepted, world) = appending(index)
      worlds.append(
        ("\(entry.version ?? "none") on \(entry.base ?? -1): \(accepted ? "accepted" : "refused")", world))
    }
    return worlds
  }

  private func storing(_ operation: Operation, hints copies: Int) -> ObjectWorld {
    var world = self
    world.stored = operation == .put ? "v\(done)" : nil
    world.hints = (hints + Array(repeating: done, count: copies)).sorted()
    world.done += 1
    return world
  }

  private func looking(_ index: Int) -> ObjectWorld {
    var world = self
    let hint = world.hints.remove(at: index)
    // A hint is dropped without looking further only if its version is the accepted one.
    if let stored, accepted?.version == stored { return world }
    world.observations.append(Observation(version: stored, base: accepted?.position, hint: hint))
    world.observations.sort {
      ($0.hint, $0.version ?? "", $0.base ?? -1) < ($1.hint, $1.version ?? "", $1.base ?? -1)
    }
    return world
  }

  private func appending(_ index: Int) -> (Bool, ObjectWorld) {
    var world = self
    let seen = world.observations.remove(at: index)
    let accepted = world.commit(seen.version, base: rule == .real ? seen.base : world.accepted?.position)
    // If refused, the worker looks again.
    if !accepted { world.hints = (world.hints + [seen.hint]).sorted() }
    return (accepted, world)
  }

  private mutating func commit(_ version: String?, base: Int?) -> Bool {
    let input = CommittedInput(
      object: Self.object, version: version, base: base, rowsRead: 0, rowsApplied: 0, rowsRejected: 0)
    let verdict = fold.judge(
      .commit(Commit(generation: 1, attempt: AttemptID(high: 0, low: 0), inputs: [input], shards: [])))
    return verdict == .inputs([true])
  }

  /// Reconciliation by listing, when all is quiet.
  mutating func reconcile() {
    if accepted?.version != stored || accepted == nil { _ = commit(stored, base: accepted?.position) }
  }

  /// The first trace that ends in something else than the truth; nil if there is none. `worlds`: how many were seen.
  static func explore(_ script: [Operation], _ trouble: Trouble, _ rule: Rule, worlds: inout Int) -> [String]? {
    let start = ObjectWorld(rule: rule)
    var seen: Set<ObjectWorld> = [start]
    var queue = [(world: start, from: -1, step: "")]
    var at = 0
    while at < queue.count {
      let world = queue[at].world
      for (step, next) in world.next(script, trouble) where seen.insert(next).inserted {
        queue.append((next, at, step))
      }
      if world.isOver && world.done == script.count {
        var end = world
        if trouble.contains(.lost) { end.reconcile() }
        if end.accepted?.version != end.stored {
          var trace: [String] = []
          var step = at
          while step > 0 {
            trace.append(queue[step].step)
            step = queue[step].from
          }
          worlds += seen.count
          return trace.reversed()
        }
      }
      at += 1
    }
    worlds += seen.count
    return nil
  }
}
