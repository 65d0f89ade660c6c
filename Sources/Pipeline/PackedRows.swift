internal import Columns

/// Rows of one attempt for one shard on their way into a message: what ``RowBatchCodec`` writes of them, and no more. A
/// third of a ``RowBatch``'s bytes, for a worker has many of them open at a time, and what is copied there is not in the
/// caches when it is written.
///
/// Filled by one thread (``RowPacker``) and then handed over whole, hence `@unchecked Sendable`.
public final class PackedRows: @unchecked Sendable {
  public let shard: Int
  let capacity: Int
  public private(set) var count = 0
  /// As ``RowBatch/checksum``.
  public private(set) var checksum: UInt64 = 0

  let form: PackedForm
  /// Numbers of keys of digits; else none.
  let numbers: UnsafeMutablePointer<UInt64>
  /// Keys that are texts; else none.
  let keys: UnsafeMutablePointer<ByteView>
  let origins: UnsafeMutablePointer<RowOrigin>
  /// Where the form says that they are their own; else none.
  let times: UnsafeMutablePointer<Int64>
  let columns: [Values]
  /// The bytes of texts.
  let arena: ByteArena

  /// One column.
  struct Values {
    let type: ColumnType
    /// Elements of ``ColumnType/stride`` bytes; or codes of a byte each; or none.
    let values: UnsafeMutableRawPointer
    let dictionary: TextDictionary?
  }

  /// Where a column's rows are copied to. Pointers alone: nothing is counted where it is used, which is often.
  private struct Target {
    let kind: Kind
    let values: UnsafeMutableRawPointer
    /// A byte a row; nil while there is no null.
    var validity: UnsafeMutablePointer<UInt8>?

    enum Kind { case none, bytes, words, longWords, doubleWords, texts }
  }
  private let targets: UnsafeMutablePointer<Target>

  init(shard: Int, capacity: Int, arenaBytes: Int, form: PackedForm, types: [ColumnType], block: PackedBlock) {
    self.shard = shard
    self.capacity = capacity
    self.form = form
    numbers = .allocate(capacity: form.keys == nil ? 0 : capacity)
    keys = .allocate(capacity: form.keys == nil ? capacity : 0)
    origins = .allocate(capacity: capacity)
    times = .allocate(capacity: form.times == .own ? capacity : 0)
    arena = ByteArena(capacity: arenaBytes)
    columns = types.indices.map { index in
      let stride =
        switch form.columns[index] {
        case .keys: 0
        case .few: 1
        case .plain: types[index].stride
        }
      return Values(
        type: types[index], values: .allocate(byteCount: capacity * stride, alignment: 16),
        dictionary: form.columns[index] == .few ? block.dictionaries[index] : nil)
    }
    targets = .allocate(capacity: types.count)
    for (index, column) in columns.enumerated() {
      let kind: Target.Kind =
        switch (form.columns[index], column.type) {
        case (.keys, _): .none
        case (.few, _), (.plain, .bool): .bytes
        case (.plain, .string): .texts
        case (.plain, .date): .words
        case (.plain, .int), (.plain, .timestamp), (.plain, .double): .longWords
        case (.plain, .decimal): .doubleWords
        }
      (targets + index).initialize(to: Target(kind: kind, values: column.values))
    }
  }

  deinit {
    numbers.deallocate()
    keys.deallocate()
    origins.deallocate()
    times.deallocate()
    for (index, column) in columns.enumerated() {
      column.values.deallocate()
      targets[index].validity?.deallocate()
    }
    targets.deallocate()
  }

  /// A column's validity, a byte a row; nil if there is no null.
  func validity(_ index: Int) -> UnsafePointer<UInt8>? { targets[index].validity.map { UnsafePointer($0) } }

  /// Bytes of all rows' texts.
  var textBytes: Int { arena.count }

  /// Copies good rows of a block behind its own; there must be room, and the block's form be this one's.
  func append(_ chosen: UnsafeBufferPointer<UInt32>, of rows: RowColumns, _ block: PackedBlock) {
    precondition(count + chosen.count <= capacity)
    append(originsOf: chosen, rows)
    if form.keys != nil {
      gather(chosen, block.numbers, to: numbers + count)
    } else {
      arena.gather(chosen, from: rows.keys, of: rows.keyArena, to: keys + count)
    }
    if form.times == .own, let from = rows.times { gather(chosen, from, to: times + count) }
    for index in 0..<columns.count { append(chosen, of: rows, index, block.sources[index]) }
    count += chosen.count
  }

  private func append(originsOf chosen: UnsafeBufferPointer<UInt32>, _ rows: RowColumns) {
    let origins = origins + count
    var sum: UInt64 = 0
    for i in 0..<chosen.count {
      let origin = rows.origin(Int(chosen[i]))
      origins[i] = origin
      sum = sum &+ RowBatch.checksum(rows.hash(Int(chosen[i])), origin)
    }
    checksum = checksum &+ sum
  }

  private func append(
    _ chosen: UnsafeBufferPointer<UInt32>, of rows: RowColumns, _ index: Int, _ source: PackedBlock.Source
  ) {
    let target = targets[index]
    if !source.isValid || target.validity != nil { append(validityOf: source, chosen, index) }
    switch target.kind {
    case .none: break
    case .bytes: gather(chosen, source.values, to: target.values, UInt8.self)
    case .words: gather(chosen, source.values, to: target.values, UInt32.self)
    case .longWords: gather(chosen, source.values, to: target.values, UInt64.self)
    case .doubleWords: gather(chosen, source.values, to: target.values, UInt128.self)
    case .texts:
      let column = rows.columns[index]
      arena.gather(
        chosen, from: column.views, of: column.arena, to: target.values.assumingMemoryBound(to: ByteView.self) + count)
    }
  }

  private func append(validityOf source: PackedBlock.Source, _ chosen: UnsafeBufferPointer<UInt32>, _ index: Int) {
    let validity: UnsafeMutablePointer<UInt8>
    if let held = targets[index].validity {
      validity = held
    } else {
      validity = .allocate(capacity: capacity)
      validity.initialize(repeating: 1, count: count)
      targets[index].validity = validity
    }
    gather(chosen, source.validity, to: validity + count)
  }

  /// Elements of one size, whatever they are.
  @inline(__always)
  private func gather<T>(
    _ rows: UnsafeBufferPointer<UInt32>, _ from: UnsafeRawPointer, to: UnsafeMutableRawPointer, _: T.Type
  ) {
    gather(rows, from.assumingMemoryBound(to: T.self), to: to.assumingMemoryBound(to: T.self) + count)
  }

  @inline(__always)
  private func gather<T>(_ rows: UnsafeBufferPointer<UInt32>, _ from: UnsafePointer<T>, to: UnsafeMutablePointer<T>) {
    for i in 0..<rows.count { to[i] = from[Int(rows[i])] }
  }
}
