internal import Columns

/// A message of the `rows` topic that says where its row batch lies: in a file of row batches (ARCHITECTURE.md §5).
///
/// Layout (version 1, little-endian): the 48 bytes of a ``RowFrame`` with the magic `TRR1`, then the file's number within
/// its attempt (UInt32), bytes of the batch's message (UInt32), its offset in the file, bytes of the whole file, the hash
/// that the batch carries of itself, and a hash of the 80 bytes before. What lies in the file at that place is the message
/// that would have been sent else, its ``RowFrame`` with it.
public struct RowReference: Sendable, Equatable {
  public static let magic: UInt32 = 0x3152_5254
  public static let bytes = 88

  /// As in the batch's own message.
  public var attempt: AttemptID
  public var number: Int
  public var schema: UInt64
  public var generation: Int
  /// 0, 1, 2 … within the attempt.
  public var file: Int
  public var fileBytes: Int
  /// Where the batch's message lies in the file.
  public var offset: Int
  public var count: Int
  /// ``RowFrame/storedHash(_:)`` of it.
  public var hash: UInt64

  /// Of a batch's message, which lies there.
  public init(to message: UnsafeRawBufferPointer, file: Int, fileBytes: Int, offset: Int) throws(RowBatchCodec
    .CodecError)
  {
    let frame = try RowFrame(message)
    (attempt, number, schema, generation) = (frame.attempt, frame.number, frame.schema, frame.generation)
    (self.file, self.fileBytes, self.offset) = (file, fileBytes, offset)
    count = message.count
    hash = RowFrame.storedHash(message)
  }

  /// Of a message; nil if it is none of these, or damaged.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    func word(_ offset: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    guard bytes.count == RowReference.bytes, word(0) & 0xffff_ffff == RowReference.magic,
      let frame = try? RowFrame(bytes), RowReference.hash(bytes) == word(80),
      let offset = Int(exactly: word(56)), let fileBytes = Int(exactly: word(64))
    else { return nil }
    (attempt, number, schema, generation) = (frame.attempt, frame.number, frame.schema, frame.generation)
    file = Int(word(48) & 0xffff_ffff)
    count = Int(word(48) >> 32)
    (self.offset, self.fileBytes) = (offset, fileBytes)
    hash = word(72)
    guard count > RowFrame.headerBytes, count <= RowFrame.bytesMax, offset <= fileBytes - count else { return nil }
  }

  public func encode() -> [UInt8] {
    let frame = RowFrame(attempt: attempt, number: number, schema: schema, generation: generation)
    var bytes = [UInt8](repeating: 0, count: RowReference.bytes)
    bytes.withUnsafeMutableBytes { buffer in
      frame.write(RowReference.magic, to: buffer)
      func put(_ word: UInt64, _ offset: Int) {
        buffer.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
      }
      put(UInt64(UInt32(truncatingIfNeeded: file)) | UInt64(UInt32(truncatingIfNeeded: count)) << 32, 48)
      put(UInt64(offset), 56)
      put(UInt64(fileBytes), 64)
      put(hash, 72)
      put(RowReference.hash(UnsafeRawBufferPointer(buffer)), 80)
    }
    return bytes
  }

  /// Whether a message is the one that is meant.
  public func isOf(_ message: UnsafeRawBufferPointer) -> Bool {
    guard message.count == count, let frame = try? RowFrame(message), !frame.isReference else { return false }
    return frame.attempt == attempt && frame.number == number && frame.schema == schema
      && frame.generation == generation && RowFrame.storedHash(message) == hash
  }

  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    guard let base = bytes.baseAddress else { return 0 }
    return Hashing.hash64(base.assumingMemoryBound(to: UInt8.self), 80)
  }
}
