/// Why a row was rejected.
public enum RowFault: UInt8, Sendable, Hashable, CaseIterable {
  case none = 0
  // Of the record.
  case tooFewFields
  case tooManyFields
  case textAfterQuote
  case unclosedQuote
  case rowTooLong
  case invalidJSON
  case jsonTooDeep
  case notAnObject
  // Of one column's text.
  case invalidUTF8
  case notAnInt
  case notADouble
  case notABool
  case notADate
  case notATimestamp
  case notADecimal
  case outOfRange
  /// More digits behind the point than the decimal's scale holds.
  case tooPrecise
  /// A JSON object or array where a plain value was expected, or the reverse.
  case wrongShape
  // Of the row's meaning.
  case keyIsNull
  case timeIsNull
  /// A part of a list key holds U+001F, which stands between the parts.
  case separatorInKey
  // Of a record of a topic.
  /// No value, and the source cannot take that as a removal.
  case nullValue
  /// A value of nothing, or of white space and blank lines.
  case emptyValue
  /// A value of several lines.
  case severalRecords
}

/// The faults of a block's rows: the first of each row, and the column it lies in.
public final class RowFaults: @unchecked Sendable {
  /// A ``RowFault`` raw value a row; 0 is a good row.
  public private(set) var codes: UnsafeMutablePointer<UInt8>
  /// The column's index in the source's columns; 0xffff where the fault is of the record.
  public private(set) var columns: UnsafeMutablePointer<UInt16>
  /// Rows at fault.
  public private(set) var count = 0
  public private(set) var capacity: Int

  /// No column: the record itself is at fault.
  public static let record: UInt16 = 0xffff

  public init(capacity: Int) {
    self.capacity = max(capacity, 1)
    codes = .allocate(capacity: self.capacity)
    codes.initialize(repeating: 0, count: self.capacity)
    columns = .allocate(capacity: self.capacity)
    columns.initialize(repeating: 0, count: self.capacity)
  }

  deinit {
    codes.deallocate()
    columns.deallocate()
  }

  /// Forgets everything and makes room for `rows` rows.
  public func reset(rows: Int) {
    if rows > capacity {
      codes.deallocate()
      columns.deallocate()
      capacity = max(rows, capacity * 2)
      codes = .allocate(capacity: capacity)
      columns = .allocate(capacity: capacity)
      codes.initialize(repeating: 0, count: capacity)
      columns.initialize(repeating: 0, count: capacity)
    } else if count > 0 {
      codes.update(repeating: 0, count: capacity)
    }
    count = 0
  }

  /// Marks a row unless it is at fault already. Cold.
  @inline(never) public func note(row: Int, _ fault: RowFault, column: UInt16) {
    guard codes[row] == 0 else { return }
    codes[row] = fault.rawValue
    columns[row] = column
    count += 1
  }
}
