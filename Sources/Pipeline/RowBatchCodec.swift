public import Columns

/// A row batch as bytes: column buffers copied one after another behind a small header (version 1, little-endian).
///
/// Layout: magic `TRB1`, shard, rows, arena bytes, columns (UInt32 each); then keys, hashes, origins, times, and a
/// column's elements and validity; then the arena, and ``Hashing/hash64(_:_:seed:)`` of all that. The hash is there
/// because values, numbers of inputs and views are used as they are. Used for spilling and, compressed, on the wire.
public enum RowBatchCodec {
  public static let magic: UInt32 = 0x3142_5254
  private static let hashBytes = 8

  /// Bytes of a batch that cannot be read back.
  public struct CodecError: Error, Sendable, CustomStringConvertible {
    public var description: String
  }

  /// `reserving`: bytes left free in front, for a caller's header.
  public static func encode(_ batch: RowBatch, reserving: Int = 0) -> [UInt8] {
    let n = batch.count
    var size = 20 + n * 32 + batch.arena.count + hashBytes
    for column in batch.columns { size += n * (column.type.stride + 1) }
    return [UInt8](unsafeUninitializedCapacity: reserving + size) { buffer, count in
      guard let whole = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
      whole.initializeMemory(as: UInt8.self, repeating: 0, count: reserving)
      let base = whole + reserving
      var at = 0
      func put(_ value: Int) {
        base.storeBytes(of: UInt32(value).littleEndian, toByteOffset: at, as: UInt32.self)
        at += 4
      }
      func put(_ bytes: UnsafeRawPointer, _ length: Int) {
        (base + at).copyMemory(from: bytes, byteCount: length)
        at += length
      }
      put(Int(magic))
      put(batch.shard)
      put(n)
      put(batch.arena.count)
      put(batch.columns.count)
      put(batch.keys, n * 8)
      put(batch.hashes, n * 8)
      put(batch.origins, n * 8)
      put(batch.times, n * 8)
      for column in batch.columns {
        put(column.values, n * column.type.stride)
        put(column.validity, n)
      }
      put(batch.arena.base, batch.arena.count)
      let hash = Hashing.hash64(base.assumingMemoryBound(to: UInt8.self), at)
      base.storeBytes(of: hash.littleEndian, toByteOffset: at, as: UInt64.self)
      count = reserving + at + hashBytes
    }
  }

  /// `types`: the columns' types, which the bytes do not hold. Views are checked against the arena.
  public static func decode(_ bytes: UnsafeRawBufferPointer, types: [ColumnType]) throws(CodecError)
    -> RowBatch
  {
    func word(_ index: Int) -> Int {
      Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
    }
    guard bytes.count >= 20, word(0) == Int(magic) else { throw CodecError(description: "not a row batch") }
    let (n, arenaBytes) = (word(2), word(3))
    var size = 20 + n * 32 + arenaBytes + hashBytes
    for type in types { size += n * (type.stride + 1) }
    guard word(4) == types.count, size == bytes.count, let base = bytes.baseAddress else {
      throw CodecError(description: "a row batch of \(bytes.count) bytes should have \(size)")
    }
    let end = size - hashBytes
    let hash = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
    guard Hashing.hash64(base.assumingMemoryBound(to: UInt8.self), end) == hash else {
      throw CodecError(description: "a row batch of \(bytes.count) bytes is damaged: its hash does not match")
    }
    let batch = RowBatch(shard: word(1), types: types, capacity: max(n, 1))
    var at = 20
    func take(_ target: UnsafeMutableRawPointer, _ length: Int) {
      target.copyMemory(from: base + at, byteCount: length)
      at += length
    }
    take(batch.keys, n * 8)
    take(batch.hashes, n * 8)
    take(batch.origins, n * 8)
    take(batch.times, n * 8)
    for column in batch.columns {
      take(column.values, n * column.type.stride)
      take(column.validity, n)
    }
    batch.arena.append((base + at).assumingMemoryBound(to: UInt8.self), arenaBytes)
    batch.count = n
    guard isWithin(batch.keys, n, arenaBytes),
      batch.columns.allSatisfy({ $0.type != .string || isWithin($0.views, n, arenaBytes) })
    else { throw CodecError(description: "a row batch points outside of itself") }
    return batch
  }

  private static func isWithin(_ views: UnsafeMutablePointer<ByteView>, _ count: Int, _ bytes: Int) -> Bool {
    for row in 0..<count where Int(views[row].start) + views[row].length > bytes { return false }
    return true
  }
}
