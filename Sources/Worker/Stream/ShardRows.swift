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
  private var partitions: [String: UInt32] = [:]

  init(_ context: StreamContext, storage: SegmentStorage) {
    self.context = context
    self.storage = storage
    tables = context.definition.sources.map { _ in InputTable() }
  }

  /// Calls `body` with each batch of live rows. Segments that this definition cannot read are passed over: their inputs
  /// are committed again under its columns.
  mutating func each(
    _ ref: SegmentRef, body: (_ batch: RowBatch, _ source: Int, _ inputs: [UInt32], _ table: InputTable) throws -> Void
  ) throws {
    guard let source = context.source(ref.header.source), !ref.isDead,
      ref.header.schema == context.plan.sources[source].schemaHash
    else { return }
    let types = context.types(source: source)
    let numbers = ref.header.inputs.map { number(of: $0, source) }
    func apply(_ batch: RowBatch, _ base: Int) throws {
      var batch = batch
      if !ref.dead.isEmpty { batch = batch.filtered { !ref.dead.contains(base + $0) } }
      if batch.count > 0 { try body(batch, source, base == 0 ? numbers : Array(numbers[base...]), tables[source]) }
    }
    guard let name = ref.name else {
      for (batch, base) in ref.batches { try apply(try batch.decode(types: types), base) }
      return
    }
    let bytes = try storage.bytes(name, verify: false)
    for extent in ref.header.batches {
      try apply(try SegmentCodec.batch(name, bytes.bytes, extent, types: types), extent.inputBase)
    }
  }

  private mutating func number(of input: SegmentInput, _ source: Int) -> UInt32 {
    let name = input.tieName
    if input.key == nil {
      let key = "\(source) \(name)"
      if let held = partitions[key] { return held }
      let number = tables[source].add(InputTable.Entry(name: name, modified: 0))
      partitions[key] = number
      return number
    }
    return tables[source].add(InputTable.Entry(name: name, modified: input.modified))
  }
}
