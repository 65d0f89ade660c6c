/// A shard's segments: what is live of them changes with the ledger, the segments themselves never do.
///
/// A plain value, so that a cut keeps the set as it stood at its position while the shard goes on.
public struct SegmentSet: Sendable {
  public private(set) var refs: [SegmentRef] = []
  /// Where the live rows of an object lie: numbers of the segment's first position, kept as (position, input).
  private var live: [ObjectIdentity: Int] = [:]
  /// By source, how often rows went: where it is the same, nothing has but come.
  public private(set) var removals: [String: Int] = [:]

  public init() {}

  /// From a checkpoint: refs in ledger order, with their dead inputs.
  public init(_ refs: [SegmentRef]) {
    self.refs = refs
    for ref in refs { note(ref) }
  }

  private mutating func note(_ ref: SegmentRef) {
    for (number, input) in ref.header.inputs.enumerated() where !ref.dead.contains(number) {
      if let object = input.object(of: ref.header.source) { live[object] = input.position }
    }
  }

  public var rows: Int { refs.reduce(0) { $0 + $1.header.rows } }
  /// Bytes of rows that are only in memory.
  public var memoryBytes: Int { refs.reduce(0) { $1.name == nil ? $0 + $1.bytes : $0 } }

  /// Adds an accepted entry's rows. Its live inputs with the same identity as older ones must have been superseded before;
  /// those of which it has no rows must be dead, or the older ones' rows could not be found any more.
  public mutating func add(_ ref: SegmentRef) {
    refs.append(ref)
    note(ref)
  }

  /// An object was replaced or removed: its rows no longer count. Gives whether there were any in this shard.
  public mutating func supersede(_ object: ObjectIdentity) -> Bool {
    guard let position = live.removeValue(forKey: object) else { return false }
    for index in refs.indices where refs[index].header.source == object.source {
      let header = refs[index].header
      guard header.first <= position, position <= header.last else { continue }
      for (number, input) in header.inputs.enumerated()
      where input.position == position && input.key == object.key && input.bucket == object.bucket {
        refs[index].dead.insert(number)
      }
    }
    noteRemoval(object.source)
    return true
  }

  /// A record partition is read anew by other columns: what was read of it no longer counts. Gives whether there was any.
  public mutating func supersede(_ range: RangeIdentity) -> Bool {
    var found = false
    for index in refs.indices where refs[index].header.source == range.source {
      for (number, input) in refs[index].header.inputs.enumerated()
      where input.topic == range.topic && input.partition == range.partition {
        if refs[index].dead.insert(number).inserted { found = true }
      }
    }
    if found { noteRemoval(range.source) }
    return found
  }

  /// Sources whose columns are others from now on: all that was read of them no longer counts. Gives whether there was any.
  public mutating func supersede(sources: (String) -> Bool) -> Bool {
    live = live.filter { !sources($0.key.source) }
    let gone = Set(refs.map(\.header.source).filter(sources))
    refs.removeAll { gone.contains($0.header.source) }
    for source in gone { noteRemoval(source) }
    return !gone.isEmpty
  }

  /// Rows of a source went in another way.
  public mutating func noteRemoval(_ source: String) { removals[source, default: 0] += 1 }

  /// Segments without a live input go; the others' files are named by the next checkpoint.
  public mutating func dropDead() { refs.removeAll(where: \.isDead) }

  /// Puts a merged or written segment in the place of those it was made of (indices ascending).
  public mutating func replace(_ indices: [Int], with ref: SegmentRef) {
    guard let first = indices.first else { return }
    let gone = Set(indices)
    var next: [SegmentRef] = []
    next.reserveCapacity(refs.count)
    for (index, old) in refs.enumerated() {
      if index == first { next.append(ref) } else if !gone.contains(index) { next.append(old) }
    }
    refs = next
  }
}
