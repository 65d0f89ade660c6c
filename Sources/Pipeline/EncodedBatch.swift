public import Columns

/// A row batch in ``RowBatchCodec``'s form, as it came off the wire or lies in a segment: a third of the memory of its rows,
/// and copied as it is into a segment. Decoding is cheap; encoding is not.
public struct EncodedBatch: Sendable {
  private let bytes: [UInt8]
  private let start: Int
  public let rows: Int

  /// `bytes` from `start` on are the batch; `rows`: how many it holds.
  public init(_ bytes: [UInt8], from start: Int = 0, rows: Int) {
    self.bytes = bytes
    self.start = start
    self.rows = rows
  }

  public init(_ batch: RowBatch) { self.init(RowBatchCodec.encode(batch), rows: batch.count) }

  /// Bytes of the batch.
  public var count: Int { bytes.count - start }

  /// `types`: the columns' types, which the bytes do not hold.
  public func decode(types: [ColumnType]) throws(RowBatchCodec.CodecError) -> RowBatch {
    do {
      return try bytes.withUnsafeBytes { raw throws in
        try RowBatchCodec.decode(UnsafeRawBufferPointer(rebasing: raw[start...]), types: types)
      }
    } catch let error as RowBatchCodec.CodecError {
      throw error
    } catch {
      throw RowBatchCodec.CodecError(description: "\(error)")
    }
  }

  /// Puts the batch's bytes behind those of `target`.
  public func append(to target: inout [UInt8]) { target += bytes[start...] }
}
