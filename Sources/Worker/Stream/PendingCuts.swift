internal import Pipeline

/// What a shard's part of a snapshot is written from: everything by value.
struct CutWork: Sendable {
  var cut: LedgerFold.CutState
  var shard: Int
  var segments: [SegmentRef]
  /// ``SegmentSet/removals`` at the cut; nil where nobody knows (the cut was taken up from a checkpoint).
  var removals: [String: Int]?
}

/// A shard's cuts that have not ended, each with the segments as they stood there.
struct PendingCuts: Sendable {
  private var cuts: [String: Pending] = [:]

  private struct Pending: Sendable {
    var work: CutWork
    /// Taken by a writer, held, or reported.
    var isTaken = false
  }

  var isEmpty: Bool { cuts.isEmpty }
  var ids: [String] { cuts.keys.sorted() }
  /// Ledger positions, ascending.
  var positions: [Int] { cuts.values.map(\.work.cut.position).sorted() }
  /// By id.
  var works: [CutWork] { cuts.sorted { $0.key < $1.key }.map(\.value.work) }

  /// Whether a part is to be written that nobody has taken.
  var hasUntaken: Bool { cuts.values.contains { !$0.isTaken } }

  mutating func begin(_ work: CutWork) { cuts[work.cut.id] = Pending(work: work) }
  mutating func end(_ id: String) { cuts.removeValue(forKey: id) }

  /// Those that hold what is lost ended with it.
  mutating func end(holding loss: Loss) { cuts = cuts.filter { !$0.value.work.cut.holds(loss) } }

  /// A cut whose part is not written yet, the oldest first. The taker says ``giveBack(_:)`` if it fails.
  mutating func take() -> CutWork? {
    for (id, cut) in cuts.sorted(by: { $0.value.work.cut.position < $1.value.work.cut.position }) where !cut.isTaken {
      cuts[id]?.isTaken = true
      return cut.work
    }
    return nil
  }

  mutating func giveBack(_ id: String) { cuts[id]?.isTaken = false }

  /// Puts files in the place of rows that are in memory and that only cuts still hold.
  mutating func seal(_ body: (SegmentRef) throws -> SegmentRef) rethrows {
    for id in cuts.keys {
      guard var cut = cuts[id] else { continue }
      for (index, ref) in cut.work.segments.enumerated() where ref.name == nil {
        cut.work.segments[index] = try body(ref)
      }
      cuts[id] = cut
    }
  }

  /// Memory segments that were sealed together, those of `firsts`, are the file `ref` from now on, less what was dead at
  /// the cut.
  mutating func rename(_ firsts: Set<Int>, to ref: SegmentRef) {
    for id in cuts.keys { rename(id, firsts, to: ref) }
  }

  private mutating func rename(_ id: String, _ firsts: Set<Int>, to ref: SegmentRef) {
    guard var cut = cuts[id] else { return }
    let mine = cut.work.segments.indices.filter {
      cut.work.segments[$0].name == nil && cut.work.segments[$0].header.source == ref.header.source
        && firsts.contains(cut.work.segments[$0].header.first)
    }
    guard let at = mine.first else { return }
    // What was dead at the cut, by identity: numbers in the file are others.
    var deadThen: Set<SegmentInput> = []
    for index in mine {
      let held = cut.work.segments[index]
      for number in held.dead { deadThen.insert(held.header.inputs[number]) }
    }
    var then = ref
    then.dead = Set(ref.header.inputs.indices.filter { deadThen.contains(ref.header.inputs[$0]) })
    cut.work.segments[at] = then
    for index in mine.dropFirst().reversed() { cut.work.segments.remove(at: index) }
    cuts[id] = cut
  }
}
