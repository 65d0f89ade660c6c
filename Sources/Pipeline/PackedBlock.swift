internal import Columns

#if canImport(Glibc)
  internal import Glibc
#endif

/// A decoded block, looked at as a whole before its rows are dealt out: what form its rows allow, and their numbers in it.
/// Reused from block to block.
final class PackedBlock {
  private let types: [ColumnType]
  /// nil before the first good row.
  private(set) var form: PackedForm?
  /// Keys of digits.
  private(set) var numbers: UnsafeMutablePointer<UInt64>
  /// Few texts, by column.
  private(set) var codes: [UnsafeMutablePointer<UInt8>]
  let dictionaries: [TextDictionary?]
  /// Where each column's rows are copied from; of the block that was read last, and as long as that is there.
  let sources: UnsafeMutablePointer<Source>
  private var capacity = 1

  /// One column. Pointers alone: nothing is counted where it is used, which is often.
  struct Source {
    /// Elements of the column, or codes, as the form says.
    var values: UnsafeRawPointer
    var validity: UnsafePointer<UInt8>
    /// No good row's value is null.
    var isValid: Bool
  }

  init(types: [ColumnType]) {
    self.types = types
    numbers = .allocate(capacity: capacity)
    codes = types.map { _ in .allocate(capacity: 1) }
    dictionaries = types.map { $0 == .string ? TextDictionary() : nil }
    sources = .allocate(capacity: types.count)
  }

  deinit {
    numbers.deallocate()
    for codes in codes { codes.deallocate() }
    sources.deallocate()
  }

  /// There must be a good row.
  func read(_ rows: RowColumns, _ faults: RowFaults) {
    precondition(rows.columns.count == types.count)
    reserve(rows.count)
    for (index, column) in rows.columns.enumerated() {
      (sources + index).initialize(
        to: Source(
          values: UnsafeRawPointer(column.values), validity: UnsafePointer(column.validity),
          isValid: hasNoNull(column, rows.count, faults)))
    }
    var form = self.form ?? first(rows, faults)
    if let keys = form.keys, !keys.read(rows, faults, into: numbers) { form.keys = nil }
    for (index, column) in rows.columns.enumerated() where column.type == .string {
      if form.columns[index] == .keys && !(sources[index].isValid && areKeys(column, rows)) {
        form.columns[index] = .few
      }
      if form.columns[index] == .few,
        dictionaries[index]?.read(
          column, rows: rows.count, faults, isValid: sources[index].isValid, into: codes[index]) != true
      {
        form.columns[index] = .plain
      }
      if form.columns[index] == .few { sources[index].values = UnsafeRawPointer(codes[index]) }
    }
    if case .column(let index) = form.times, !(sources[index].isValid && areTimes(rows.columns[index], rows, faults)) {
      form.times = .own
    }
    self.form = form
  }

  /// The narrowest that the first good row allows; the block's other rows are looked at by the caller.
  private func first(_ rows: RowColumns, _ faults: RowFaults) -> PackedForm {
    var row = 0
    while row < rows.count - 1 && faults.count > 0 && faults.codes[row] != 0 { row += 1 }
    let key = rows.keys[row]
    var times = PackedForm.Times.none
    if rows.times != nil {
      // The batch says which one in a byte.
      let column = types.indices.prefix(256).first {
        types[$0] == .timestamp && sources[$0].isValid && areTimes(rows.columns[$0], rows, faults)
      }
      times = column.map { .column($0) } ?? .own
    }
    return PackedForm(
      keys: DigitKeys(UnsafeRawPointer(rows.keyArena.base) + Int(key.start), key.length),
      columns: types.map { $0 == .string ? .keys : .plain }, times: times)
  }

  private func hasNoNull(_ column: Column, _ count: Int, _ faults: RowFaults) -> Bool {
    var all: UInt8 = 1
    for row in 0..<count { all &= column.validity[row] }
    if all == 1 { return true }
    guard faults.count > 0 else { return false }
    for row in 0..<count where faults.codes[row] == 0 && column.validity[row] == 0 { return false }
    return true
  }

  /// Whether the keys are views of the column's own texts.
  private func areKeys(_ column: Column, _ rows: RowColumns) -> Bool {
    guard column.arena === rows.keyArena else { return false }
    let byteCount = rows.count * MemoryLayout<ByteView>.stride
    if memcmp(column.views, rows.keys, byteCount) == 0 { return true }
    for row in 0..<rows.count
    where column.views[row].start != rows.keys[row].start || column.views[row].length != rows.keys[row].length {
      return false
    }
    return true
  }

  private func areTimes(_ column: Column, _ rows: RowColumns, _ faults: RowFaults) -> Bool {
    guard let times = rows.times else { return false }
    var differences: Int64 = 0
    if faults.count == 0 {
      for row in 0..<rows.count { differences |= times[row] ^ column.int64s[row] }
    } else {
      for row in 0..<rows.count where faults.codes[row] == 0 { differences |= times[row] ^ column.int64s[row] }
    }
    return differences == 0
  }

  private func reserve(_ rows: Int) {
    guard rows > capacity else { return }
    capacity = rows
    numbers.deallocate()
    numbers = .allocate(capacity: rows)
    for index in codes.indices {
      codes[index].deallocate()
      codes[index] = .allocate(capacity: types[index] == .string ? rows : 1)
    }
  }
}
