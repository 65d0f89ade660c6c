public import Columns

/// Rows in columns, wherever they lie: a batch's, or a decoded block's with bad rows among them.
///
/// Pointers to what others own: valid as long as that is, and not written meanwhile.
public struct RowColumns {
  public var count: Int
  /// The bytes of `keys`.
  public var keyArena: ByteArena
  /// Canonical key text (ARCHITECTURE.md §7).
  public var keys: UnsafePointer<ByteView>
  /// ``Hashing/hash64(_:_:seed:)`` of the key; nil: not made, for few are going to be asked for.
  public var hashes: UnsafePointer<UInt64>?
  /// nil: the source has no event time.
  public var times: UnsafePointer<Int64>?
  /// The carried columns in the plan's order.
  public var columns: [Column]
  /// Of row 0, the others following; of no meaning beside `origins`.
  var firstOrigin = RowOrigin(packed: 0)
  var origins: UnsafePointer<RowOrigin>?

  init(
    count: Int, keyArena: ByteArena, keys: UnsafePointer<ByteView>, hashes: UnsafePointer<UInt64>?,
    times: UnsafePointer<Int64>?, columns: [Column], origins: UnsafePointer<RowOrigin>?
  ) {
    self.count = count
    self.keyArena = keyArena
    self.keys = keys
    self.hashes = hashes
    self.times = times
    self.columns = columns
    self.origins = origins
  }

  /// Row `i` is row `firstRow + i` of the attempt's n-th `input`, or `origins[i]` where rows do not follow one another.
  public init(
    count: Int, keyArena: ByteArena, keys: UnsafePointer<ByteView>, hashes: UnsafePointer<UInt64>?,
    times: UnsafePointer<Int64>?, columns: [Column], input: Int, firstRow: UInt64,
    origins: UnsafePointer<RowOrigin>? = nil
  ) {
    self.init(
      count: count, keyArena: keyArena, keys: keys, hashes: hashes, times: times, columns: columns, origins: origins)
    firstOrigin = RowOrigin(input: input, row: firstRow)
  }

  /// Of a row's key.
  @inline(__always)
  func hash(_ row: Int) -> UInt64 {
    if let hashes { return hashes[row] }
    let view = keys[row]
    return Hashing.hash64(UnsafePointer(keyArena.base) + Int(view.start), view.length)
  }

  @inline(__always)
  func origin(_ row: Int) -> RowOrigin {
    if let origins { return origins[row] }
    return RowOrigin(packed: firstOrigin.packed &+ UInt64(truncatingIfNeeded: row))
  }
}
