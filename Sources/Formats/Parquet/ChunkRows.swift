internal import Columns

/// The rows of one column chunk: how many, and which are null. Borrows the column's memory.
struct ChunkRows {
  let isRequired: Bool
  /// Rows.
  let count: Int
  /// Rows that are not null.
  let valid: Int
  let validity: UnsafePointer<UInt8>

  init(column: ParquetColumn, values: Column, count: Int) {
    isRequired = column.required
    self.count = count
    validity = UnsafePointer(values.validity)
    valid = ChunkRows.count(validity, 0..<count)
  }

  var nulls: Int { count - valid }
  var hasNulls: Bool { valid < count }

  var firstNull: Int? {
    guard hasNulls else { return nil }
    return (0..<count).first { validity[$0] == 0 }
  }

  /// The values that are not null among `rows`.
  func valid(in rows: Range<Int>) -> Int {
    hasNulls ? ChunkRows.count(validity, rows) : rows.count
  }

  private static func count(_ validity: UnsafePointer<UInt8>, _ rows: Range<Int>) -> Int {
    var sum = 0
    for row in rows { sum &+= Int(validity[row]) }
    return sum
  }

  /// Copies the values that are not null to `target`, converted; `target` has room for
  /// ``Compaction/room`` more than ``valid``.
  @inline(__always)
  static func compact<T: BitwiseCopyable, U: BitwiseCopyable>(
    _ rows: ChunkRows, _ source: UnsafePointer<T>, to target: UnsafeMutablePointer<U>, _ convert: (T) -> U
  ) {
    guard rows.hasNulls else {
      for row in 0..<rows.count { target[row] = convert(source[row]) }
      return
    }
    // Nulls' values, too, and the next one over them: without a branch that depends on a row.
    var n = 0
    for row in 0..<rows.count {
      target[n] = convert(source[row])
      n &+= Int(rows.validity[row])
    }
  }
}
