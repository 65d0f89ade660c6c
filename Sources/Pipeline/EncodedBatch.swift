public import Columns

/// A row batch in ``RowBatchCodec``'s form, as it came off the wire or lies in a segment: a third of the memory of its rows,
/// and copied as it is into a segment. It may be a piece of more that came at once, and holds all of that. Decoding is cheap; encoding is not.
public struct EncodedBatch: Sendable {
  public let bytes: ArraySlice<UInt8>
  public let rows: Int

  /// `rows`: how many the batch holds.
  public init(_ bytes: ArraySlice<UInt8>, rows: Int) {
    self.bytes = bytes
    self.rows = rows
  }

  public init(_ batch: RowBatch) { self.init(RowBatchCodec.encode(batch)[...], rows: batch.count) }

  /// Bytes of the batch.
  public var count: Int { bytes.count }

  /// Whether the bytes match the hash that they carry.
  public var isWhole: Bool { bytes.withUnsafeBytes { RowBatchCodec.isWhole($0) } }

  /// `types`: the columns' types, which the bytes do not hold.
  public func decode(types: [ColumnType]) throws(RowBatchCodec.CodecError) -> RowBatch {
    do {
      return try bytes.withUnsafeBytes { raw throws in
        try RowBatchCodec.decode(raw, types: types)
      }
    } catch let error as RowBatchCodec.CodecError {
      throw error
    } catch {
      throw RowBatchCodec.CodecError(description: "\(error)")
    }
  }
}
