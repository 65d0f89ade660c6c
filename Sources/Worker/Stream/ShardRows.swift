internal import Columns
internal import Definition
internal import Pipeline
internal import Platform

/// Applies segments to a shard's state: inputs numbered in tie order's tables, dead ones left out.
struct ShardRows {
  let context: StreamContext
  let storage: SegmentStorage
  /// One a source.
  private(set) var tables: [InputTable]
  /// By source, numbers of partitions.
  private var partitions: [[String: UInt32]]

  init(_ context: StreamContext, storage: SegmentStorage) {
    self.context = context
    self.storage = storage
    tables = context.definition.sources.map { _ in InputTable() }
    partitions = context.definition.sources.map { _ in [:] }
  }

  /// What is known of a shard's rows already: all before this position of the ledger, of partitions up to these offsets.
  struct Since {
    var position: Int
    var ends: [RangeIdentity: Int64]
  }

  /// Nothing of a source was applied.
  mutating func forget(_ source: Int) {
    tables[source] = InputTable()
    partitions[source] = [:]
  }

  /// Calls `body` with each batch of live rows, `since` what is known. Segments that this definition cannot read are passed over: their inputs
  /// are committed again under its columns.
  mutating func each(
    _ ref: SegmentRef, since: Since? = nil,
    body: (_ batch: RowBatch, _ source: Int, _ inputs: [UInt32], _ table: InputTable) throws -> Void
  ) throws {
    guard let source = context.source(ref.header.source), !ref.isDead,
      ref.header.schema == context.plan.sources[source].schemaHash
    else { return }
    let types = context.types(source: source)
    let news = since.map { since in ref.header.inputs.map { New(of: $0, since, ref.header.source) } }
    let numbers: [UInt32] = ref.header.inputs.enumerated().map { index, input in
      // Of what is known no row is looked at, nor is its number.
      news?[index].isNothing == true ? 0 : number(of: input, source)
    }
    func apply(_ batch: RowBatch, _ base: Int) throws {
      var batch = batch
      if !ref.dead.isEmpty { batch = batch.filtered { !ref.dead.contains(base + $0) } }
      if let news { batch = batch.filtering { news[base + $0.input].holds($0) } }
      if batch.count > 0 { try body(batch, source, base == 0 ? numbers : Array(numbers[base...]), tables[source]) }
    }
    guard let name = ref.name else {
      for (batch, base) in ref.batches { try apply(try batch.decode(types: types), base) }
      return
    }
    var bytes = try storage.bytes(name, verify: false)
    for extent in ref.header.batches {
      let batch: RowBatch
      do {
        batch = try SegmentCodec.batch(name, bytes.bytes, extent, types: types)
      } catch {
        // Damaged at hand: the store's takes its place.
        bytes = try storage.bytes(name, verify: true)
        batch = try SegmentCodec.batch(name, bytes.bytes, extent, types: types)
      }
      try apply(batch, extent.inputBase)
    }
  }

  private mutating func number(of input: SegmentInput, _ source: Int) -> UInt32 {
    let name = input.tieName
    if input.key == nil {
      if let held = partitions[source][name] { return held }
      let number = tables[source].add(InputTable.Entry(name: name, modified: 0))
      partitions[source][name] = number
      return number
    }
    return tables[source].add(InputTable.Entry(name: name, modified: input.modified))
  }
}

/// Which rows of an input are not known yet.
private enum New {
  case all
  case nothing
  /// Records at or after this offset.
  case from(Int64)

  init(of input: SegmentInput, _ since: ShardRows.Since, _ source: String) {
    guard input.key == nil, let topic = input.topic, let partition = input.partition else {
      self = input.position > since.position ? .all : .nothing
      return
    }
    // Ranges of a partition are one input once their segments are merged, so the position does not tell.
    self = .from(since.ends[RangeIdentity(source: source, topic: topic, partition: partition)] ?? 0)
  }

  var isNothing: Bool { if case .nothing = self { true } else { false } }

  func holds(_ origin: RowOrigin) -> Bool {
    switch self {
    case .all: true
    case .nothing: false
    // A row's number is its offset and 1.
    case .from(let offset): Int64(truncatingIfNeeded: origin.row) > offset
    }
  }
}
