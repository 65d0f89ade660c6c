public import Columns

/// Rows of one attempt for one shard, columnar: what travels from ingest to join.
///
/// Every array holds `count` elements. Keys and string columns share `arena`. A batch is filled by one thread and
/// then handed over whole and never written again, hence `@unchecked Sendable`.
public final class RowBatch: @unchecked Sendable {
  public let shard: Int
  public let capacity: Int
  public internal(set) var count = 0
  /// The bytes of keys and string columns.
  public let arena: ByteArena
  /// Canonical key text (ARCHITECTURE.md §7).
  public let keys: UnsafeMutablePointer<ByteView>
  /// ``Hashing/hash64(_:_:seed:)`` of the key.
  public let hashes: UnsafeMutablePointer<UInt64>
  /// ``RowOrigin`` of each row.
  public let origins: UnsafeMutablePointer<RowOrigin>
  /// Event time in microseconds; 0 where the source has no time. Of a removal: the record's time.
  public let times: UnsafeMutablePointer<Int64>
  /// The carried columns, in the plan's order.
  public let columns: [Column]

  /// `arenaBytes`: what keys and strings will need, near enough; the arena grows beyond it.
  public init(shard: Int, types: [ColumnType], capacity: Int, arenaBytes: Int = 256) {
    self.shard = shard
    self.capacity = capacity
    let arena = ByteArena(capacity: arenaBytes)
    self.arena = arena
    keys = .allocate(capacity: capacity)
    hashes = .allocate(capacity: capacity)
    origins = .allocate(capacity: capacity)
    times = .allocate(capacity: capacity)
    columns = types.map { Column(type: $0, capacity: capacity, arena: arena, zeroed: false) }
  }

  deinit {
    keys.deallocate()
    hashes.deallocate()
    origins.deallocate()
    times.deallocate()
  }

  /// Bytes of memory that the batch holds, near enough for budgets.
  public var memoryBytes: Int {
    var bytes = capacity * 32 + arena.capacity
    for column in columns { bytes += capacity * (column.type.stride + 1) }
    return bytes
  }

  /// Order-free checksum of the rows' keys and origins (I3): the sum of a hash of each.
  public var checksum: UInt64 {
    var sum: UInt64 = 0
    for row in 0..<count {
      sum = sum &+ RowBatch.checksum(hashes[row], origins[row])
    }
    return sum
  }

  /// One row's.
  @inline(__always)
  static func checksum(_ hash: UInt64, _ origin: RowOrigin) -> UInt64 {
    Hashing.mix(hash ^ (origin.packed &* 0x9e37_79b9_7f4a_7c15))
  }
}

/// Where a row came from: the input's number within its attempt and the row's number within the input; and whether the
/// row is a removal.
public struct RowOrigin: Sendable, Hashable {
  /// The removal in the highest bit, the input in the next 23, the row in the low 40.
  public var packed: UInt64

  public static let inputsMax = 1 << 23
  /// What a row's number stays below.
  public static let rowsMax: UInt64 = 1 << 40
  @usableFromInline static let removalBit: UInt64 = 1 << 63

  @inlinable public init(packed: UInt64) { self.packed = packed }
  @inlinable public init(input: Int, row: UInt64, isRemoval: Bool = false) {
    packed =
      (UInt64(truncatingIfNeeded: input & (RowOrigin.inputsMax - 1)) &<< 40) | (row & 0xff_ffff_ffff)
      | (isRemoval ? RowOrigin.removalBit : 0)
  }
  @inlinable public var input: Int { Int((packed & ~RowOrigin.removalBit) &>> 40) }
  /// From 1.
  @inlinable public var row: UInt64 { packed & 0xff_ffff_ffff }
  /// A tombstone: from its time on the key has no row in this source. Only of `latest` sources; columns are null.
  @inlinable public var isRemoval: Bool { packed & RowOrigin.removalBit != 0 }
}
