internal import Columns
internal import Pipeline

/// The values of a chunk's aggregates, kept for the next part: only changed rows' are made again and put over the old
/// ones. Texts are not kept, and neither is what is copied out of a `latest` source rather than computed.
struct KeptValues: Sendable {
  /// By output column; nil: it is not kept.
  private var columns: [Column?]

  /// About how much memory the values of a table take that may be kept.
  static func bytes(_ output: [OutputColumn], rows: Int) -> Int {
    output.reduce(0) { $0 + (isKept($1) ? rows * ($1.type.stride + 1) : 0) }
  }

  private static func isKept(_ output: OutputColumn) -> Bool {
    if case .aggregate = output.value { output.type != .string } else { false }
  }

  /// Takes columns out of a table that nobody reads any more; those that hold no rows stay behind, and so do those that were
  /// made for many more.
  init(of output: [OutputColumn], takenFrom table: inout Table) {
    columns = output.map { _ in nil }
    for (index, of) in output.enumerated() where KeptValues.isKept(of) {
      let column = table.columns[index]
      guard (table.count...table.count + table.count / 4).contains(column.capacity) else { continue }
      columns[index] = column
      table.columns[index] = Column(type: column.type, capacity: 0)
    }
  }

  func has(_ column: Int) -> Bool { columns[column] != nil }

  var bytes: Int { columns.reduce(0) { $0 + ($1.map { $0.capacity * ($0.type.stride + 1) } ?? 0) } }

  /// Puts the columns into a table of the same rows, of which these, ascending, hold other values now: `changed` has them in
  /// the same order.
  func put(into table: inout Table, _ rows: [UInt32], changed: Table) {
    precondition(changed.count == rows.count && rows.last.map { Int($0) < table.count } ?? true)
    for (index, column) in columns.enumerated() {
      guard let column else { continue }
      let fresh = changed.columns[index]
      // The table has room for its rows in each column that was taken, and `changed` for its own.
      for (from, row) in rows.enumerated() { column.validity[Int(row)] = fresh.validity[from] }
      switch column.type.stride {
      case 1: KeptValues.copy(fresh.values, to: column.values, rows, as: UInt8.self)
      case 4: KeptValues.copy(fresh.values, to: column.values, rows, as: UInt32.self)
      case 8: KeptValues.copy(fresh.values, to: column.values, rows, as: UInt64.self)
      default: KeptValues.copy(fresh.values, to: column.values, rows, as: UInt128.self)
      }
      table.columns[index] = column
    }
  }

  private static func copy<T: BitwiseCopyable>(
    _ from: UnsafeMutableRawPointer, to: UnsafeMutableRawPointer, _ rows: [UInt32], as: T.Type
  ) {
    let stride = MemoryLayout<T>.stride
    var at = 0
    for row in rows {
      (to + Int(row) &* stride).storeBytes(of: (from + at).load(as: T.self), as: T.self)
      at &+= stride
    }
  }
}
