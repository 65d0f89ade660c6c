/// One typed column of a batch: a fixed number of rows in one run of memory.
///
/// Layout: `values` holds `capacity` elements of ``ColumnType/stride`` bytes; `validity` holds one byte a row
/// (1 = value, 0 = null; a null's element is zeroed or undefined and must not be read). A string's element is a
/// ``ByteView`` into `arena`; also a null's lies within it, for bytes are loaded before it is known to be one.
///
/// Not thread-safe; a column is owned by one thread at a time and handed over whole, hence `@unchecked Sendable`.
public final class Column: @unchecked Sendable {
  public let type: ColumnType
  /// Rows there is room for.
  public let capacity: Int
  public let values: UnsafeMutableRawPointer
  public let validity: UnsafeMutablePointer<UInt8>
  /// The bytes of a string column; views point into it. Another column may share it.
  public var arena: ByteArena

  /// A column with room for `capacity` rows, all null; `zeroed: false` leaves values and validity undefined for a
  /// caller that writes every row it will read. Allocates (64-byte aligned).
  public init(
    type: ColumnType, capacity: Int, arena: ByteArena = ByteArena(capacity: 64), zeroed: Bool = true
  ) {
    self.type = type
    self.capacity = capacity
    self.arena = arena
    let rows = max(capacity, 1)
    values = .allocate(byteCount: rows * type.stride, alignment: 64)
    validity = .allocate(capacity: rows)
    if zeroed {
      values.initializeMemory(as: UInt8.self, repeating: 0, count: rows * type.stride)
      validity.initialize(repeating: 0, count: rows)
    }
  }

  deinit {
    values.deallocate()
    validity.deallocate()
  }

  /// Whether any of the first `rows` is null.
  public func hasNull(among rows: Int) -> Bool {
    let raw = UnsafeRawPointer(validity)
    var row = 0
    var all = UInt64.max
    while row &+ 8 <= rows {
      all &= raw.loadUnaligned(fromByteOffset: row, as: UInt64.self)
      row &+= 8
    }
    if all & 0x0101_0101_0101_0101 != 0x0101_0101_0101_0101 { return true }
    while row < rows {
      if validity[row] == 0 { return true }
      row &+= 1
    }
    return false
  }

  // Typed views of `values`. The caller picks the one that fits `type` (see ``ColumnType``).
  @inlinable public var int64s: UnsafeMutablePointer<Int64> { values.assumingMemoryBound(to: Int64.self) }
  @inlinable public var doubles: UnsafeMutablePointer<Double> { values.assumingMemoryBound(to: Double.self) }
  @inlinable public var int32s: UnsafeMutablePointer<Int32> { values.assumingMemoryBound(to: Int32.self) }
  @inlinable public var bytes: UnsafeMutablePointer<UInt8> { values.assumingMemoryBound(to: UInt8.self) }
  @inlinable public var int128s: UnsafeMutablePointer<Int128> { values.assumingMemoryBound(to: Int128.self) }
  @inlinable public var views: UnsafeMutablePointer<ByteView> { values.assumingMemoryBound(to: ByteView.self) }
}

/// A named, typed column of a table's schema.
public struct Field: Sendable, Hashable {
  public var name: String
  public var type: ColumnType

  public init(name: String, type: ColumnType) {
    self.name = name
    self.type = type
  }
}

/// Rows in columns: what a snapshot writer takes.
public struct Table: Sendable {
  public var fields: [Field]
  /// As many as `fields`; each holds at least `count` rows.
  public var columns: [Column]
  public var count: Int

  public init(fields: [Field], columns: [Column], count: Int) {
    precondition(fields.count == columns.count)
    self.fields = fields
    self.columns = columns
    self.count = count
  }
}
