/// The immutable rows of accepted inputs of one source in one shard: a file's header, and where its batches lie.
///
/// File (version 1): magic `TRS1`, header length (UInt32 little-endian), the header as JSON, then the batches as
/// ``RowBatchCodec`` writes them. Its name holds a hash of all that, so equal names mean equal bytes and a repeated
/// upload is harmless.
public struct SegmentHeader: Sendable, Hashable, Codable {
  public static let magic: UInt32 = 0x3153_5254
  /// 2: row batches may be of version 4.
  public static let currentVersion = 2

  public var version = SegmentHeader.currentVersion
  public var source: String
  /// ``SourcePlan/schemaHash`` of the rows.
  public var schema: String
  /// Ledger positions of the first and last entry whose rows it holds.
  public var first: Int
  public var last: Int
  public var rows: Int
  public var inputs: [SegmentInput]
  public var batches: [BatchExtent]

  public init(
    source: String, schema: String, first: Int, last: Int, rows: Int, inputs: [SegmentInput], batches: [BatchExtent]
  ) {
    self.source = source
    self.schema = schema
    self.first = first
    self.last = last
    self.rows = rows
    self.inputs = inputs
    self.batches = batches
  }

  /// Where a batch lies behind the header, and what to add to its rows' input numbers.
  public struct BatchExtent: Sendable, Hashable, Codable {
    public var offset: Int
    public var bytes: Int
    public var rows: Int
    public var inputBase: Int

    public init(offset: Int, bytes: Int, rows: Int, inputBase: Int) {
      self.offset = offset
      self.bytes = bytes
      self.rows = rows
      self.inputBase = inputBase
    }
  }
}

/// An input with rows in a segment.
public struct SegmentInput: Sendable, Hashable, Codable {
  /// The object's bucket and key; nil for records.
  public var bucket: String?
  public var key: String?
  /// The records' topic and partition; nil for an object.
  public var topic: String?
  public var partition: Int?
  /// Ledger position of the entry that was accepted. An object's rows count while this is its last one.
  public var position: Int
  /// Last-Modified, microseconds; 0 for records.
  public var modified: Int64

  public init(bucket: String, key: String, position: Int, modified: Int64) {
    self.bucket = bucket
    self.key = key
    self.position = position
    self.modified = modified
  }

  public init(topic: String, partition: Int, position: Int) {
    self.topic = topic
    self.partition = partition
    self.position = position
    modified = 0
  }

  /// nil for records.
  public func object(of source: String) -> ObjectIdentity? {
    guard let bucket, let key else { return nil }
    return ObjectIdentity(source: source, bucket: bucket, key: key)
  }

  /// What ties are broken by: the key, or topic and partition number.
  public var tieName: String {
    if let key { return key }
    let digits = String(partition ?? 0)
    return (topic ?? "") + "\u{0}" + String(repeating: "0", count: max(0, 10 - digits.count)) + digits
  }
}

/// A segment as a shard's state names it: its header and which of its inputs no longer count.
public struct SegmentRef: Sendable {
  /// The file's name; nil while the rows are in memory only.
  public var name: String?
  public var bytes: Int
  public var header: SegmentHeader
  /// Numbers of inputs that were replaced or removed.
  public var dead: Set<Int>
  /// The rows, while they are in memory only.
  public var batches: [SegmentBuilder.Placed]

  public init(
    name: String?, bytes: Int, header: SegmentHeader, dead: Set<Int> = [], batches: [SegmentBuilder.Placed] = []
  ) {
    self.name = name
    self.bytes = bytes
    self.header = header
    self.dead = dead
    self.batches = batches
  }

  public var isDead: Bool { dead.count == header.inputs.count && !header.inputs.isEmpty }
}
