internal import Columns
internal import Definition
internal import Formats
internal import Pipeline
internal import Platform
internal import Threads

/// Writes a cut's rows as parts: tables built from shard states, profiled, fingerprinted, encoded on all threads, and
/// put together in order to files near the part target.
///
/// Which rows stand in which chunk depends only on the shards' contents, so the same state gives the same files. `states`
/// are all shards (batch), or the one whose share of a cut is written.
struct SnapshotWriter {
  let plan: DatasetPlan
  let states: [ShardState]
  let threads: Int
  /// nil: nothing is written, only counted and fingerprinted.
  let target: StorePlace?
  /// `snapshot=<id>`, below the target.
  let folder: String
  let naming: PartNaming
  let keyCasts: [Cast]
  /// What the one state's last part was made of, and this one will be; nil: nothing is kept. Of several states nothing is.
  var kept: Kept?
  typealias Kept = (output: KeptOutput, bytesMax: Int)
  /// Where parts are put as long as there is room; nil: all go to the target.
  var room: PartRoom?

  /// Rows a table (and Parquet row group) holds at most, unless the definition says less: large enough that columns
  /// compress well, small enough that two cores finish together.
  static let chunkRowsMax = 1 << 16
  /// Memory that a table takes at most, but for its strings.
  static let chunkBytesMax = 64 << 20

  struct Result: Sendable {
    var parts: [ShardReport.Part] = []
    /// Those of them that are in memory, by key.
    var held: [String: HeldPart] = [:]
    var splits: [String: Int] = [:]
    var fingerprint = Fingerprint()
    var profile: TableProfile
  }

  /// A run of rows: slices of several shards' key lists.
  private struct Chunk: Sendable {
    var split: Int
    var slices: [(shard: Int, range: Range<Int>)]
    var rows: Int
  }

  /// `isCancelled` is asked before each table; where it says so, a ``BatchError`` is thrown.
  func write(isCancelled: @escaping @Sendable () -> Bool) throws -> Result {
    let rule = SplitRule(plan.definition.split)
    let by = plan.definition.split.by.flatMap { plan.sources[plan.rowsSource].keptIndex[$0] }
    let ofOne = states.count == 1 ? self.kept : nil
    let kept = ofOne.map { Locked($0.output) }
    let rows =
      try ofOne.map { [$0.output.begin(rule: rule, by: by, bytesMax: $0.bytesMax)] }
      ?? rowsOfShards(rule: rule, by: by)
    let chunks = chunks(rows, splits: rule.names.count)
    let changes = kept?.withLock { kept in
      kept.changes(chunks.map { ($0.split, $0.slices[0].range) }, columns: plan.output.count)
    }
    let output = try OutputShape(plan)
    let sink = PartSink(writer: self, encoder: output.encoder, names: rule.names)
    var initial = Result(profile: TableProfile(fields: plan.fields))
    for name in rule.names { initial.splits[name] = 0 }
    let collected = Locked(initial)
    // One a thread, not one a table: a fresh one begins with sets that grow, and merging takes as long.
    let profiles = Locked<[TableProfile]>([])
    // So are tables.
    let spare = Locked<[Table]>([])
    try ParallelTasks.run(
      count: chunks.count, threads: threads,
      task: { [plan, target] index -> (encoded: EncodedChunk, values: KeptValues?)? in
        if isCancelled() { throw BatchError.cancelled }
        let chunk = chunks[index]
        let change = changes?.chunks[index]
        let name = rule.names[chunk.split]
        let slices = chunk.slices.map { ($0.shard, rows[$0.shard].keys[chunk.split][$0.range]) }
        let before = change?.isKept == true ? kept?.withLock { $0.takeChunk(index) } : nil
        var (table, fingerprint) = try table(
          slices, columns: change?.built, reusing: spare.withLock { $0.popLast() },
          fingerprintOf: kept == nil ? name : nil)
        if let kept {
          let changed = change?.keys.map { $0[...] }
          let numbered = try changed.map { try self.table([(0, $0)], columns: nil).table } ?? table
          let numbers = Fingerprint.numbers(of: numbered, split: name)
          let keys = changed ?? rows[0].keys[chunk.split][chunk.slices[0].range]
          kept.withLock { $0.take(keys, numbers) }
          if changed != nil, let change { before?.values?.put(into: &table, change.rows, changed: numbered) }
        }
        var encoded = try target.map { [table] _ in
          try output.encode(table, before?.encoded, anew: change?.encoded)
        }
        let profile = profiles.withLock { $0.popLast() } ?? TableProfile(fields: plan.fields)
        profile.update(table, columns: changes?.profiled, counts: encoded?.counts ?? [])
        // They share the texts of the table, which from here on nobody reads.
        encoded?.counts = []
        var values: KeptValues?
        let valueBytes = KeptValues.bytes(plan.output, rows: table.count)
        if change?.keepsValues == true, kept?.withLock({ $0.hasRoom(valueBytes) }) == true {
          values = KeptValues(of: plan.output, takenFrom: &table)
        }
        spare.withLock { $0.append(table) }
        profiles.withLock { $0.append(profile) }
        collected.withLock { result in
          result.fingerprint.merge(fingerprint)
          result.splits[name, default: 0] += chunk.rows
        }
        return encoded.map { ($0, values) }
      },
      consume: { [room] index, made in
        guard let (encoded, values) = made else { return }
        let chunk = chunks[index]
        kept?.withLock { $0.keep(index, encoded, values, split: chunk.split, range: chunk.slices[0].range) }
        try sink.append(encoded, split: chunk.split)
        if kept == nil && room == nil { output.encoder.reuse(encoded) }
      })
    var result = collected.withLock { $0 }
    for (index, profile) in profiles.withLock({ $0 }).enumerated() {
      if index == 0 { result.profile = profile } else { result.profile.merge(profile) }
    }
    if let kept, let changes {
      let fresh = result.profile
      (result.fingerprint, result.profile) = kept.withLock { $0.finish(fresh, profiled: changes.profiled) }
    }
    if target != nil {
      result.parts = try sink.finish()
      result.held = sink.held
    }
    return result
  }

  /// The rows of keys of shards; `columns` and `split` as ``SnapshotTableBuilder`` takes them.
  private func table(
    _ slices: [(shard: Int, keys: ArraySlice<UInt32>)], columns: [Bool]?, reusing spare: Table? = nil,
    fingerprintOf split: String? = nil
  ) throws -> (table: Table, fingerprint: Fingerprint) {
    let rows = slices.reduce(0) { $0 + $1.keys.count }
    var builder = SnapshotTableBuilder(
      plan: plan, keyCasts: keyCasts, rows: rows, columns: columns, reusing: spare, fingerprintOf: split)
    for slice in slices { try builder.append(states[slice.shard], keys: slice.keys) }
    let fingerprint = builder.fingerprint
    return (builder.finish(), fingerprint)
  }

  private func rowsOfShards(rule: SplitRule, by: Int?) throws -> [SnapshotRows] {
    let collected = Locked<[SnapshotRows]>([])
    try ParallelTasks.run(
      count: states.count, threads: threads,
      task: { [states] shard in SnapshotRows(states[shard], rule: rule, by: by) },
      consume: { _, rows in collected.withLock { $0.append(rows) } })
    return collected.withLock { $0 }
  }

  /// Deals each split's rows, shard after shard, into chunks of equal size.
  private func chunks(_ rows: [SnapshotRows], splits: Int) -> [Chunk] {
    let rowBytes = plan.fields.reduce(0) { $0 + $1.type.stride + 1 }
    var most = min(SnapshotWriter.chunkRowsMax, max(SnapshotWriter.chunkBytesMax / max(rowBytes, 1), 16))
    if case .parquet(let options) = plan.definition.snapshot.format {
      most = min(most, max(options.rowGroupRows, 1))
    }
    var chunks: [Chunk] = []
    for split in 0..<splits {
      let total = rows.reduce(0) { $0 + $1.keys[split].count }
      if total == 0 { continue }
      var pieces = (total + most - 1) / most
      // Two processors finish together.
      if pieces > 1 { pieces += pieces % 2 }
      let size = (total + pieces - 1) / pieces
      var chunk = Chunk(split: split, slices: [], rows: 0)
      for shard in rows.indices {
        var from = 0
        let count = rows[shard].keys[split].count
        while from < count {
          let n = min(count - from, size - chunk.rows)
          chunk.slices.append((shard, from..<from + n))
          chunk.rows += n
          from += n
          if chunk.rows == size {
            chunks.append(chunk)
            chunk = Chunk(split: split, slices: [], rows: 0)
          }
        }
      }
      if chunk.rows > 0 { chunks.append(chunk) }
    }
    return chunks
  }
}

/// What files of a snapshot are called, below its folder.
enum PartNaming: Sendable {
  /// As readers find them. The tag tells this run's files from those of any run that would write other bytes.
  case snapshot(tag: String)
  /// A shard's, below this folder: hidden, and joined to the others' later.
  case shard(folder: String)

  func key(split: String, number: Int, fileExtension: String) -> String {
    let number = PartNaming.digits(number)
    return switch self {
    case .snapshot(let tag): "\(split)/part-\(number)-\(tag).\(fileExtension)"
    case .shard(let folder): "\(folder)/\(split)-\(number).\(fileExtension)"
    }
  }

  /// A split without rows still has a file with the schema, so that readers of its folder find one.
  var fillsEmptySplits: Bool { if case .snapshot = self { true } else { false } }

  /// Five digits at least, so that names stand in order.
  static func digits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}

/// Which of a table's columns stand in a part, in which order, and their encoder.
struct OutputShape: Sendable {
  let order: [Int]
  let encoder: SnapshotEncoder

  init(_ plan: DatasetPlan) throws(PlanError) {
    var order = Array(plan.output.indices)
    var required: Set<String> = []
    for output in plan.output {
      if case .key = output.value { required.insert(output.name) }
    }
    if case .csv(let options) = plan.definition.snapshot.format {
      if options.withoutKey {
        order.removeAll { if case .key = plan.output[$0].value { true } else { false } }
      }
      if options.labelFirst && !plan.output.contains(where: \.isLabel) {
        throw PlanError(message: "snapshot: 'label_first' needs a label; name one in 'rows'")
      }
      if options.labelFirst {
        order = order.filter { plan.output[$0].isLabel } + order.filter { !plan.output[$0].isLabel }
      }
    }
    if order.isEmpty { throw PlanError(message: "the snapshot has no columns") }
    self.order = order
    let fields = order.map { plan.fields[$0] }
    encoder = SnapshotEncoder(format: plan.definition.snapshot.format, fields: fields, required: required)
  }

  /// `anew`: one flag a column of the table; the others' encoded form is taken from `kept`, of the same rows.
  func encode(_ table: Table, _ kept: EncodedChunk?, anew: [Bool]?) throws(WriteError) -> EncodedChunk {
    let table = Table(
      fields: order.map { table.fields[$0] }, columns: order.map { table.columns[$0] }, count: table.count)
    guard let kept, let anew else { return try encoder.encode(table) }
    return try encoder.encode(table, kept, anew: order.map { anew[$0] })
  }
}

/// A value behind a lock.
final class Locked<Value>: @unchecked Sendable {
  private let lock = ConditionLock()
  private var value: Value
  init(_ value: Value) { self.value = value }
  func withLock<R>(_ body: (inout Value) throws -> R) rethrows -> R {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
