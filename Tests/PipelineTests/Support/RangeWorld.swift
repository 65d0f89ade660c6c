@testable import Pipeline

/// A record partition with holes and two workers that read, commit, are refused and seek, one of which may die, while
/// retention takes records: every interleaving is walked through (after `model/records2.py`).
struct RangeWorld: Hashable {
  enum Rule {
    /// ``LedgerFold``: a range must begin at the accepted end, and who is refused seeks there.
    case real
    /// A range begins at its first record instead of where reading stood.
    case beginsAtRecord
    /// Who is refused goes on where it is.
    case doesNotSeek
  }

  struct Worker: Hashable {
    var position: Int64 = 0
    /// What it has read and not appended.
    var read: CommittedRange?
    var isAlive = true
  }

  static let range = RangeIdentity(source: "s", topic: "t", partition: 0)
  static let count: Int64 = 6

  var workers = [Worker(), Worker()]
  var logStart: Int64 = 0
  /// What a reader of the ledger applies, by the fold's verdicts.
  var applied: [Int64] = []
  var skipped: [Int64] = []
  private(set) var fold: LedgerFold
  var end: Int64 { fold.ranges[Self.range]?.end ?? 0 }

  init() {
    fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 1))
    _ = fold.judge(.opened(Self.range, offset: 0, schema: "c", generation: 1))
  }

  // The fold's positions grow with each refusal; worlds are equal if they behave alike from here on.
  private var essence: [[Int64]] {
    [[end, logStart], applied, skipped]
      + workers.map { [$0.position, $0.read?.from ?? -1, $0.read?.to ?? -1, $0.isAlive ? 1 : 0] }
  }
  static func == (a: RangeWorld, b: RangeWorld) -> Bool { a.essence == b.essence }
  func hash(into hasher: inout Hasher) { hasher.combine(essence) }

  func next(_ rule: Rule, holes: Set<Int64>, truncation: Int64?) -> [(String, RangeWorld)] {
    let records = (0..<Self.count).filter { !holes.contains($0) }
    var worlds: [(String, RangeWorld)] = []
    func add(_ step: String, _ change: (inout RangeWorld) -> Void) {
      var world = self
      change(&world)
      worlds.append((step, world))
    }
    for (index, worker) in workers.enumerated() where worker.isAlive {
      if let read = worker.read {
        add("W\(index) appends [\(read.from), \(read.to))") { world in
          world.workers[index].read = nil
          let commit = Commit(
            generation: 1, attempt: AttemptID(high: 0, low: 0), inputs: [], ranges: [read], schema: "c", shards: [])
          if world.fold.judge(.commit(commit)) == .inputs([true]) {
            world.applied += records.filter { read.from <= $0 && $0 < read.to }
          } else if rule != .doesNotSeek {
            world.workers[index].position = world.end
          }
        }
        continue
      }
      // The worker folds the ledger while it has nothing of its own under way.
      if worker.position < end && rule != .doesNotSeek {
        add("W\(index) seeks \(end)") { $0.workers[index].position = end }
      }
      if worker.position < logStart {
        if worker.position >= end {
          add("W\(index) skips to \(logStart)") { world in
            let from = world.end
            let entry = LedgerEntry.skipped(Self.range, from: worker.position, to: logStart, reason: "retention")
            if world.fold.judge(entry) == .accepted { world.skipped += records.filter { from <= $0 && $0 < logStart } }
            world.workers[index].position = world.end
          }
        }
        continue
      }
      let ahead = records.filter { $0 >= worker.position }
      for count in 1...3 where ahead.count >= count {
        let from = rule == .beginsAtRecord ? ahead[0] : worker.position
        let to = ahead[count - 1] + 1
        add("W\(index) reads [\(from), \(to))") { world in
          world.workers[index].read = CommittedRange(
            range: Self.range, from: from, to: to, rowsRead: UInt64(count), rowsRejected: 0)
          world.workers[index].position = to
        }
      }
    }
    if workers.allSatisfy(\.isAlive) {
      for index in workers.indices { add("W\(index) dies") { $0.workers[index].isAlive = false } }
    }
    if let truncation, logStart == 0 {
      add("retention takes what is before \(truncation)") { $0.logStart = truncation }
    }
    return worlds
  }

  /// What is wrong in some world that can be reached; nil if nothing is. `worlds`: how many there are.
  static func explore(_ rule: Rule, holes: Set<Int64>, truncation: Int64? = nil, worlds: inout Int) -> String? {
    let records = (0..<count).filter { !holes.contains($0) }
    var queue = [RangeWorld()]
    var numbers: [RangeWorld: Int] = [queue[0]: 0]
    var from: [(at: Int, step: String)] = [(-1, "")]
    var before: [[Int]] = [[]]
    func trace(_ at: Int) -> String {
      var steps: [String] = []
      var at = at
      while at > 0 {
        steps.append(from[at].step)
        at = from[at].at
      }
      return steps.reversed().joined(separator: "; ")
    }
    var at = 0
    while at < queue.count {
      let world = queue[at]
      let known = world.applied + world.skipped
      if Set(known).count != known.count { return "doubled: \(trace(at))" }
      if let lost = records.first(where: { $0 < world.end && !known.contains($0) }) {
        return "lost \(lost): \(trace(at))"
      }
      for (step, next) in world.next(rule, holes: holes, truncation: truncation) {
        if let number = numbers[next] {
          before[number].append(at)
        } else {
          numbers[next] = queue.count
          queue.append(next)
          from.append((at, step))
          before.append([at])
        }
      }
      at += 1
    }
    worlds += queue.count
    // From each world the end can be reached.
    var isFine = queue.map { $0.end > (records.last ?? -1) }
    var stack = isFine.indices.filter { isFine[$0] }
    while let number = stack.popLast() {
      for other in before[number] where !isFine[other] {
        isFine[other] = true
        stack.append(other)
      }
    }
    return isFine.firstIndex(of: false).map { "stuck: \(trace($0))" }
  }
}
