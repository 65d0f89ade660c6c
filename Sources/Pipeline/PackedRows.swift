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

  /// By column, a byte a row; nil while there is no null.
  private var validities: [UnsafeMutablePointer<UInt8>?]

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
    validities = types.map { _ in nil }
  }

  deinit {
    numbers.deallocate()
    keys.deallocate()
    origins.deallocate()
    times.deallocate()
    for column in columns { column.values.deallocate() }
    for validity in validities { validity?.deallocate() }
  }

  /// A column's validity, a byte a row; nil if there is no null.
  func validity(_ index: Int) -> UnsafePointer<UInt8>? { validities[index].map { UnsafePointer($0) } }

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
    for index in columns.indices { append(chosen, of: rows.columns[index], index, block) }
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
    _ chosen: UnsafeBufferPointer<UInt32>, of column: Column, _ index: Int, _ block: PackedBlock
  ) {
    if !block.isValid[index] || validities[index] != nil { append(validityOf: column, chosen, index) }
    let values = columns[index].values
    switch form.columns[index] {
    case .keys: break
    case .few: gather(chosen, block.codes[index], to: values.assumingMemoryBound(to: UInt8.self) + count)
    case .plain:
      switch column.type {
      case .string:
        arena.gather(
          chosen, from: column.views, of: column.arena, to: values.assumingMemoryBound(to: ByteView.self) + count)
      case .int, .timestamp, .double:
        gather(chosen, column.int64s, to: values.assumingMemoryBound(to: Int64.self) + count)
      case .date: gather(chosen, column.int32s, to: values.assumingMemoryBound(to: Int32.self) + count)
      case .bool: gather(chosen, column.bytes, to: values.assumingMemoryBound(to: UInt8.self) + count)
      case .decimal: gather(chosen, column.int128s, to: values.assumingMemoryBound(to: Int128.self) + count)
      }
    }
  }

  private func append(validityOf column: Column, _ chosen: UnsafeBufferPointer<UInt32>, _ index: Int) {
    let validity: UnsafeMutablePointer<UInt8>
    if let held = validities[index] {
      validity = held
    } else {
      validity = .allocate(capacity: capacity)
      validity.initialize(repeating: 1, count: count)
      validities[index] = validity
    }
    gather(chosen, column.validity, to: validity + count)
  }

  @inline(__always)
  private func gather<T>(_ rows: UnsafeBufferPointer<UInt32>, _ from: UnsafePointer<T>, to: UnsafeMutablePointer<T>) {
    for i in 0..<rows.count { to[i] = from[Int(rows[i])] }
  }
}
