extension Cast {
  /// One text as a value of the column's type, read exactly as a field is: for defaults and the constants of
  /// conditions. nil if it cannot be read. Control plane: allocates.
  public func literal(_ text: String) -> Literal? {
    let arena = ByteArena(capacity: text.utf8.count)
    var view = arena.append(text)
    let column = Column(type: type, capacity: 1)
    let faults = RowFaults(capacity: 1)
    run(
      text: arena, textIsValidUTF8: true, fields: &view, stride: 1, rows: 1, into: column, faults: faults,
      columnIndex: 0)
    return faults.count == 0 ? column.literal(row: 0) : nil
  }
}

extension Literal {
  /// One text as a value of `type`, times in ISO 8601; nil if it cannot be read (or `type` is no type).
  public init?(_ text: String, as type: ColumnType) {
    guard let cast = try? Cast(type: type), let literal = cast.literal(text) else { return nil }
    self = literal
  }

  /// Whether this is a value that a column of `type` holds.
  public func fits(_ type: ColumnType) -> Bool {
    switch (self, type) {
    case (.string, .string), (.int, .int), (.double, .double), (.bool, .bool), (.date, .date),
      (.timestamp, .timestamp):
      return true
    case (.decimal(let unscaled), .decimal(let precision, _)):
      guard let limit = PowersOfTen.power(precision) else { return false }
      return unscaled.magnitude < limit
    default: return false
    }
  }

  var int64: Int64? {
    switch self {
    case .int(let value), .timestamp(let value): value
    default: nil
    }
  }

  var double: Double? { if case .double(let value) = self { value } else { nil } }
  var byte: UInt8? { if case .bool(let value) = self { value ? 1 : 0 } else { nil } }
  var int32: Int32? { if case .date(let value) = self { value } else { nil } }
  var int128: Int128? { if case .decimal(let value) = self { value } else { nil } }
}

extension Column {
  /// A row's value, nil for null; for control-plane use (a string is copied).
  public func literal(row: Int) -> Literal? {
    precondition(row >= 0 && row < capacity)
    guard validity[row] != 0 else { return nil }
    switch type {
    case .string: return .string(arena.string(views[row]))
    case .int: return .int(int64s[row])
    case .double: return .double(doubles[row])
    case .bool: return .bool(bytes[row] != 0)
    case .date: return .date(int32s[row])
    case .timestamp: return .timestamp(int64s[row])
    case .decimal: return .decimal(int128s[row])
    }
  }
}
