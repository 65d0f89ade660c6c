public import Columns
public import Definition

/// One source, made ready: which of its columns travel in row batches and what a shard keeps of them.
public struct SourcePlan: Sendable {
  public let source: Source
  /// Indices into `source.columns` of the columns that travel, ascending.
  public let carried: [Int]
  /// Their types, in the same order.
  public let carriedTypes: [ColumnType]
  /// Indices into `source.columns`, one a key column, in the key's order.
  public let keyColumns: [Int]
  /// Index into `source.columns`.
  public let timeColumn: Int?
  /// Rows at or after this time do not count; nil for a timeless source.
  public let asOf: Int64?
  /// `latest`: the columns that are kept, by name, type and position in a batch.
  public let kept: [Kept]
  /// Positions in `kept` by name.
  public let keptIndex: [String: Int]
  /// `events`: what is accumulated a key.
  public let layout: AccumulatorLayout
  /// 16 hexadecimal digits; where they are equal, the same input is read into the same rows and batches that carry all
  /// columns hold them alike, for as long. Independent of features, rows, split and (but for tombstones) of `keep`.
  public let schemaHash: String

  public struct Kept: Sendable {
    public var name: String
    public var type: ColumnType
    /// Position among the carried columns.
    public var carried: Int
  }

  init(_ source: Source, definition: Definition, asOf: Int64, carriesAll: Bool) throws(PlanError) {
    self.source = source
    // Shards let go of the rows of removed objects, or do not; what one rule left is not what the other one would have.
    let removal = source.onRemove == .keep ? "on_remove keep\n" : ""
    schemaHash = SourcePlan.schemaHash(definition.schema(of: source) + removal)
    var keyColumns: [Int] = []
    for key in definition.key {
      guard let at = source.columns.firstIndex(where: { $0.name == key }) else {
        throw PlanError(message: "source '\(source.name)' lacks the key column '\(key)'")
      }
      keyColumns.append(at)
    }
    self.keyColumns = keyColumns
    if let time = source.time {
      guard let at = source.columns.firstIndex(where: { $0.name == time }) else {
        throw PlanError(message: "source '\(source.name)': no column '\(time)' for 'time'")
      }
      timeColumn = at
      self.asOf = asOf
    } else {
      timeColumn = nil
      self.asOf = nil
    }

    var wanted: Set<String> = []
    var aggregates: [Aggregate] = []
    for feature in definition.features where feature.source == source.name {
      switch feature.value {
      case .column(let name): wanted.insert(name)
      case .aggregate(let aggregate):
        aggregates.append(aggregate)
        if let column = aggregate.column { wanted.insert(column) }
        aggregate.predicate?.collectColumns(into: &wanted)
      }
    }
    var keptNames: Set<String> = []
    if source.keep == .latest { keptNames = wanted }
    if definition.rows.source == source.name {
      if let label = definition.rows.label { keptNames.insert(label) }
      if let by = definition.split.by { keptNames.insert(by) }
    }
    wanted.formUnion(keptNames)
    carried = source.columns.indices.filter { carriesAll || wanted.contains(source.columns[$0].name) }
    carriedTypes = carried.map { source.columns[$0].type }
    var kept: [Kept] = []
    var positions: [String: Int] = [:]
    for (position, index) in carried.enumerated() {
      let column = source.columns[index]
      positions[column.name] = position
      if keptNames.contains(column.name) {
        kept.append(Kept(name: column.name, type: column.type, carried: position))
      }
    }
    self.kept = kept
    keptIndex = Dictionary(kept.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    layout = try AccumulatorLayout(
      aggregates, positions: positions, types: carriedTypes, asOf: asOf, source: source.name)
  }

  /// Two 32-bit halves, each of a hash with a seed of its own: the hash of short texts that differ little is no better
  /// than its one seed.
  private static func schemaHash(_ text: String) -> String {
    let arena = ByteArena()
    let view = arena.append(text)
    let bytes = UnsafePointer(arena.base)
    let halves = [0x7363_6865_6d61_2031, 0x7363_6865_6d61_2032].map { seed in
      Hashing.hash64(bytes, view.length, seed: seed) >> 32
    }
    return halves.map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  func reading(_ aggregate: Aggregate, feature: String) throws(PlanError) -> AggregateReading {
    guard let reading = layout.readings[aggregate] else {
      throw PlanError(message: "feature '\(feature)': not an aggregate of source '\(source.name)'")
    }
    return reading
  }
}

extension Predicate {
  /// Adds the names of the columns that the condition reads.
  func collectColumns(into names: inout Set<String>) {
    switch self {
    case .compare(let column, _, _), .isIn(let column, _), .isNull(let column): names.insert(column)
    case .and(let a, let b), .or(let a, let b):
      a.collectColumns(into: &names)
      b.collectColumns(into: &names)
    case .not(let a): a.collectColumns(into: &names)
    }
  }
}
