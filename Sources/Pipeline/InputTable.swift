/// The inputs of one source that a run has seen, numbered: identity, order for ties, and counts.
///
/// Written by the driver before rows of an input are applied; then only read.
public struct InputTable: Sendable {
  public struct Entry: Sendable {
    /// Bucket and key, or topic and partition: what ties are broken by, as bytes.
    public var name: [UInt8]
    /// Last-Modified in microseconds: the event time of a source without one.
    public var modified: Int64

    public init(name: String, modified: Int64) {
      self.name = Array(name.utf8)
      self.modified = modified
    }

    /// All ranges of one partition: they share an entry, so that rows of the partition go by their offsets. The name
    /// orders as topic, then partition; without event times offsets decide, so nothing counts as modified.
    public init(topic: String, partition: Int) {
      let digits = String(partition)
      self.init(
        name: topic + "\u{0}" + String(repeating: "0", count: max(10 - digits.count, 0)) + digits, modified: 0)
    }
  }

  public private(set) var entries: [Entry] = []

  public init() {}

  public mutating func add(_ entry: Entry) -> UInt32 {
    entries.append(entry)
    return UInt32(entries.count - 1)
  }

  /// Whether input `a` comes before input `b` in the order that breaks ties (their names' bytes). Cold.
  @inline(never) public func precedes(_ a: UInt32, _ b: UInt32) -> Bool {
    entries[Int(a)].name.lexicographicallyPrecedes(entries[Int(b)].name)
  }
}

/// When and where a row happened: the order in which the last one wins (I1), never arrival.
public struct RowVersion: Sendable {
  /// Event time in microseconds; for a timeless source the input's Last-Modified.
  public var time: Int64
  public var input: UInt32
  /// The row's number within the input, from 1; 0: no row yet. At most 2⁴⁰.
  public var row: UInt64

  @inlinable public init(time: Int64, input: UInt32, row: UInt64) {
    self.time = time
    self.input = input
    self.row = row
  }

  public static var none: RowVersion { RowVersion(time: .min, input: 0, row: 0) }

  /// Whether this row comes after `other`: by time, then the input's name, then the row's number
  /// (also between inputs of one name).
  @inlinable public func isAfter(_ other: RowVersion, _ inputs: InputTable) -> Bool {
    if other.row == 0 { return true }
    if time != other.time { return time > other.time }
    if input != other.input {
      if inputs.precedes(other.input, input) { return true }
      if inputs.precedes(input, other.input) { return false }
    }
    return row > other.row
  }
}
