public import Columns

/// A row batch as bytes: small, since every row goes through a broker twice and into a segment once (version 4,
/// little-endian; version 3 can be read).
///
/// Layout: magic `TRB4`, shard, rows, arena bytes, columns (UInt32 each); then the sections of ``RowSections``: keys, hashes,
/// origins, each column's validity and values, times; then ``Hashing/bulk128(_:_:)``'s high word of all that. The hash is
/// there because values and numbers of inputs are used as they are. Used on the wire, in segments and for spilling.
public enum RowBatchCodec {
  public static let magic: UInt32 = 0x3442_5254
  /// Version 3, which had numbers and codes of whole bytes only.
  static let bytewiseMagic: UInt32 = 0x3342_5254
  static let headerBytes = 20
  static let hashBytes = 8

  /// Bytes of a batch that cannot be read back.
  public struct CodecError: Error, Sendable, CustomStringConvertible {
    public var description: String
    public init(description: String) { self.description = description }
  }

  /// `reserving`: bytes left free in front, for a caller's header. Elements of nulls are written as zeros.
  public static func encode(_ batch: RowBatch, reserving: Int = 0) -> [UInt8] {
    let n = batch.count
    let texts = batch.columns.filter { $0.type == .string }
    let arenaBytes =
      length(of: batch.keys, nil, n) + texts.reduce(0) { $0 + length(of: $1.views, $1.validity, n) }
    // Each section at its largest, and room for whole words behind the last text.
    var most = headerBytes + n * 32 + arenaBytes + hashBytes + 64
    for column in batch.columns { most += RowSections.overheadMax + n * (column.type.stride + 1) }
    return withUnsafeTemporaryAllocation(of: Int64.self, capacity: max(n, 1)) { scratch in
      [UInt8](unsafeUninitializedCapacity: reserving + most) { buffer, count in
        guard let whole = UnsafeMutableRawPointer(buffer.baseAddress), let scratch = scratch.baseAddress else { return }
        whole.initializeMemory(as: UInt8.self, repeating: 0, count: reserving)
        let base = whole + reserving
        var sections = RowSections.Writer(base + headerBytes, rows: n, scratch: scratch)
        sections.put(texts: batch.keys, validity: nil, in: batch.arena, mayBeFew: false)
        // A batch's hashes are its keys', so they need not be written.
        sections.put(RowSections.derived)
        sections.put(origins: batch.origins)
        for column in batch.columns { sections.put(column, keys: batch.keys, in: batch.arena) }
        sections.put(times: batch.times, columns: batch.columns)
        count = reserving + finish(base, sections, shard: batch.shard, columns: batch.columns.count)
      }
    }
  }

  /// What stands before and behind the sections; gives how many bytes all are.
  static func finish(_ base: UnsafeMutableRawPointer, _ sections: RowSections.Writer, shard: Int, columns: Int) -> Int {
    let words = [Int(magic), shard, sections.rows, sections.textBytes, columns]
    for (index, word) in words.enumerated() {
      base.storeBytes(of: UInt32(word).littleEndian, toByteOffset: index * 4, as: UInt32.self)
    }
    let end = headerBytes + sections.count
    base.storeBytes(of: hash(base, end).littleEndian, toByteOffset: end, as: UInt64.self)
    return end + hashBytes
  }

  /// `types`: the columns' types, which the bytes do not hold.
  public static func decode(_ bytes: UnsafeRawBufferPointer, types: [ColumnType]) throws(CodecError) -> RowBatch {
    let (batch, read) = try begin(bytes, types: types, columns: types)
    var sections = read
    for column in batch.columns { sections.take(column, keys: batch.keys) }
    sections.take(times: batch.times, columns: batch.columns)
    guard sections.isWhole else { throw notWhole(bytes.count) }
    batch.count = batch.capacity
    return batch
  }

  /// A batch of those rows without columns and times: what a receipt is about (I3). That the bytes are whole is checked, and
  /// with them all that they hold; what the columns are is seen when they are read.
  public static func decodeKeys(_ bytes: UnsafeRawBufferPointer, types: [ColumnType]) throws(CodecError) -> RowBatch {
    let (batch, sections) = try begin(bytes, types: types, columns: [])
    guard !sections.isDamaged else { throw notWhole(bytes.count) }
    batch.times.update(repeating: 0, count: batch.capacity)
    batch.count = batch.capacity
    return batch
  }

  /// Whether the bytes match the hash behind them.
  static func isWhole(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= headerBytes + hashBytes, let base = bytes.baseAddress else { return false }
    let end = bytes.count - hashBytes
    return hash(base, end) == UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
  }

  private static func notWhole(_ count: Int) -> CodecError {
    CodecError(description: "a row batch of \(count) bytes does not hold what it says")
  }

  /// Reads all that comes before the columns; room for `columns` is made.
  private static func begin(
    _ bytes: UnsafeRawBufferPointer, types: [ColumnType], columns: [ColumnType]
  ) throws(CodecError) -> (RowBatch, RowSections.Reader) {
    func word(_ index: Int) -> Int {
      Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
    }
    guard bytes.count >= headerBytes + hashBytes, word(0) == Int(magic) || word(0) == Int(bytewiseMagic),
      let base = bytes.baseAddress
    else {
      throw CodecError(description: "not a row batch")
    }
    let end = bytes.count - hashBytes
    let stored = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
    guard hash(base, end) == stored else {
      throw CodecError(description: "a row batch of \(bytes.count) bytes is damaged: its hash does not match")
    }
    let (n, arenaBytes) = (word(2), word(3))
    // A row has a byte at least (its origin), and of texts only short beginnings and few digits may be left out, so no small
    // message asks for much memory.
    guard word(4) == types.count, n <= bytes.count,
      arenaBytes <= bytes.count + n * RowSections.derivedTextMax * (types.count + 1)
    else {
      throw CodecError(
        description: "a row batch of \(bytes.count) bytes cannot hold \(n) rows of \(types.count) columns")
    }
    let batch = RowBatch(shard: word(1), types: columns, capacity: n, arenaBytes: arenaBytes)
    var sections = RowSections.Reader(
      UnsafeRawBufferPointer(rebasing: bytes[headerBytes..<end]), rows: n, textBytes: arenaBytes,
      isBytewise: word(0) == Int(bytewiseMagic))
    sections.take(texts: batch.keys, into: batch.arena, keys: nil, hashes: batch.hashes)
    sections.take(hashes: batch.hashes, of: batch.keys, in: batch.arena)
    sections.take(origins: batch.origins)
    return (batch, sections)
  }

  private static func hash(_ base: UnsafeRawPointer, _ count: Int) -> UInt64 {
    Hashing.bulk128(base.assumingMemoryBound(to: UInt8.self), count).high
  }

  private static func length(
    of views: UnsafePointer<ByteView>, _ validity: UnsafePointer<UInt8>?, _ rows: Int
  ) -> Int {
    var bytes = 0
    for row in 0..<rows where validity?[row] != 0 { bytes += views[row].length }
    return bytes
  }
}
