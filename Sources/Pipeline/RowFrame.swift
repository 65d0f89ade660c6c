public import Columns

/// A message of the `rows` topic: which attempt a row batch belongs to and its number there, before the batch itself or
/// where it lies (``RowReference``).
///
/// Layout (version 1, little-endian): magic `TRF1`, number (UInt32), attempt high and low, schema hash, generation
/// (UInt32), 4 bytes of zero, hash of the 40 bytes before, then ``RowBatchCodec``'s bytes, which have a hash of their own.
public struct RowFrame: Sendable {
  public static let magic: UInt32 = 0x3146_5254
  public static let headerBytes = 48
  /// A message stays under this whatever its rows: brokers take 1,048,588 bytes by default, clients 1,000,000.
  public static let bytesMax = 980_000

  public var attempt: AttemptID
  /// 0, 1, 2 … within (attempt, shard).
  public var number: Int
  /// ``SourcePlan/schemaHash`` as a number: what the columns are.
  public var schema: UInt64
  public var generation: Int
  /// The batch does not follow: it lies where the message's ``RowReference`` says.
  public private(set) var isReference = false

  public init(attempt: AttemptID, number: Int, schema: UInt64, generation: Int) {
    self.attempt = attempt
    self.number = number
    self.schema = schema
    self.generation = generation
  }

  public func encode(_ batch: RowBatch) -> [UInt8] {
    headed(RowBatchCodec.encode(batch, reserving: RowFrame.headerBytes))
  }

  /// The same of rows that were packed for it.
  public func encode(_ rows: PackedRows, in room: EncodingRoom) -> [UInt8] {
    headed(RowBatchCodec.encode(rows, reserving: RowFrame.headerBytes, in: room))
  }

  private func headed(_ bytes: consuming [UInt8]) -> [UInt8] {
    bytes.withUnsafeMutableBytes { write(RowFrame.magic, to: $0) }
    return bytes
  }

  /// The header of a message of either kind.
  func write(_ magic: UInt32, to buffer: UnsafeMutableRawBufferPointer) {
    buffer.storeBytes(of: magic.littleEndian, toByteOffset: 0, as: UInt32.self)
    buffer.storeBytes(of: UInt32(number).littleEndian, toByteOffset: 4, as: UInt32.self)
    buffer.storeBytes(of: attempt.high.littleEndian, toByteOffset: 8, as: UInt64.self)
    buffer.storeBytes(of: attempt.low.littleEndian, toByteOffset: 16, as: UInt64.self)
    buffer.storeBytes(of: schema.littleEndian, toByteOffset: 24, as: UInt64.self)
    buffer.storeBytes(of: UInt32(generation).littleEndian, toByteOffset: 32, as: UInt32.self)
    buffer.storeBytes(of: 0, toByteOffset: 36, as: UInt32.self)
    buffer.storeBytes(
      of: RowFrame.hash(UnsafeRawBufferPointer(buffer)).littleEndian, toByteOffset: 40, as: UInt64.self)
  }

  /// Reads the header alone. The batch's bytes follow it, or where it lies does.
  public init(_ bytes: UnsafeRawBufferPointer) throws(RowBatchCodec.CodecError) {
    func word(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    guard bytes.count >= RowFrame.headerBytes,
      [RowFrame.magic, RowReference.magic].contains(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
    else { throw RowBatchCodec.CodecError(description: "a message of \(bytes.count) bytes is no row batch") }
    guard RowFrame.hash(bytes) == word(40) else {
      throw RowBatchCodec.CodecError(description: "a row batch's header is damaged: its hash does not match")
    }
    isReference = word(0) & 0xffff_ffff == RowReference.magic
    attempt = AttemptID(high: word(8), low: word(16))
    number = Int(word(0) &>> 32)
    schema = word(24)
    generation = Int(word(32) & 0xffff_ffff)
  }

  /// The batch behind a header.
  public static func batch(_ bytes: UnsafeRawBufferPointer, types: [ColumnType]) throws(RowBatchCodec.CodecError)
    -> RowBatch
  {
    guard bytes.count > headerBytes else { throw RowBatchCodec.CodecError(description: "a row batch is cut short") }
    return try RowBatchCodec.decode(UnsafeRawBufferPointer(rebasing: bytes[headerBytes...]), types: types)
  }

  /// The same of a whole message.
  public static func batch(_ bytes: [UInt8], types: [ColumnType]) throws(RowBatchCodec.CodecError) -> RowBatch {
    guard bytes.count > headerBytes else { throw RowBatchCodec.CodecError(description: "a row batch is cut short") }
    return try EncodedBatch(bytes[headerBytes...], rows: 0).decode(types: types)
  }

  /// The same without columns and times; see ``RowBatchCodec/decodeKeys(_:types:)``.
  public static func keys(_ bytes: UnsafeRawBufferPointer, types: [ColumnType]) throws(RowBatchCodec.CodecError)
    -> RowBatch
  {
    guard bytes.count > headerBytes else { throw RowBatchCodec.CodecError(description: "a row batch is cut short") }
    return try RowBatchCodec.decodeKeys(UnsafeRawBufferPointer(rebasing: bytes[headerBytes...]), types: types)
  }

  /// The hash that a message's batch carries of itself; 0 of what is too short for one.
  public static func storedHash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    guard bytes.count >= headerBytes + 8 else { return 0 }
    return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
  }

  /// Whether the bytes behind a header are those that they were written as, by the hash that they carry.
  public static func isWhole(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count > headerBytes && RowBatchCodec.isWhole(UnsafeRawBufferPointer(rebasing: bytes[headerBytes...]))
  }

  /// How much text a row may have, key and string columns together, to be sure of a message that holds it alone.
  ///
  /// The rest of a row is bounded: 114 bytes of headers, hashes, origin and times, and of a column its forms and lengths
  /// (6 bytes) or its number (19 at most). Not above 0 where there are more columns than a message can hold.
  public static func textBytesMax(columns: Int) -> Int { bytesMax - 128 - 20 * columns }

  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    guard let base = bytes.baseAddress else { return 0 }
    return Hashing.hash64(base.assumingMemoryBound(to: UInt8.self), 40)
  }
}
