/// A log of topics: Kafka, the embedded broker or memory. Thread-safe; calls block.
///
/// What every implementation keeps: a partition is an ordered log with offsets that grow (with holes); an append that was
/// acknowledged is durable; group members share a topic's partitions, and a partition has at most one owner *that the
/// broker believes in* (a zombie may still read, and append what nobody will accept). Nothing else is relied on: no
/// transactions, no fencing of appends.
public protocol Broker: Sendable {
  /// Creates the topics that are missing; leaves others as they are. Harmless if repeated or raced.
  func create(_ topics: [TopicSpec]) throws(BrokerError)

  /// What the broker says of these topics; one that does not exist is missing from the answer.
  func describe(_ topics: [String]) throws(BrokerError) -> [String: TopicDescription]

  /// Sets configuration values of a topic, leaving its other overrides as they are.
  func alter(_ topic: String, config: [String: String]) throws(BrokerError)

  /// First offset that is there and the offset after the last, of each partition.
  func bounds(_ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: OffsetBounds]

  /// Offsets that a group has committed, for lag; partitions without one are missing.
  func committed(group: String, _ partitions: [TopicPartition]) throws(BrokerError) -> [TopicPartition: Int64]

  /// Appends messages and waits until all are acknowledged by all in-sync replicas; gives their offsets, in order.
  ///
  /// Messages of one call to one partition stand there in the call's order (others' may lie between them). Throws if
  /// any could not be appended within the broker's delivery timeout; some of them may be there all the same, once or
  /// (after a crash of the sender) more than once. Any number of threads.
  func append(_ messages: [OutgoingMessage]) throws(BrokerError) -> [Int64]

  /// Joins a group that shares the topics' partitions. `member` is the static identity (Kafka's group.instance.id):
  /// the same member that comes back within the session timeout gets its partitions back.
  func consumer(group: String, topics: [String], member: String) throws(BrokerError) -> any GroupConsumer

  /// Reads one partition outside of any group.
  func reader(_ partition: TopicPartition, from offset: Int64) throws(BrokerError) -> any PartitionReader

  /// Lets go of everything; calls afterwards fail.
  func close()
}

/// One member's view of a group. One thread at a time owns it: it must be polled at least every few seconds.
public protocol GroupConsumer: AnyObject, Sendable {
  /// Whether the group has taken this member in and said what it is to read, be it nothing.
  var isMember: Bool { get }

  /// Waits at most `milliseconds` for something to happen, then gives what is there, near `maxBytes` at most.
  ///
  /// After `.revoked` the partitions are still owned until the next call of `poll`: commit first, then poll on.
  func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> ConsumerEvent

  /// Where to read from after `.assigned` or `.outOfRange`; nothing comes of a partition before. Also seeks.
  func begin(_ partition: TopicPartition, at start: StartOffset) throws(BrokerError)

  /// Back-pressure: no records of these until `resume`; what was fetched already is not lost.
  func pause(_ partitions: [TopicPartition]) throws(BrokerError)
  func resume(_ partitions: [TopicPartition]) throws(BrokerError)

  /// Stores the group's next offsets; waits for the answer. A partition that is no longer owned is an error of code
  /// `.fenced`, which the caller may ignore.
  func commit(_ offsets: [TopicPartition: Int64]) throws(BrokerError)

  /// Leaves the group at once, so that others take over without waiting for the session to end.
  func close()
}

/// Sequential reading of one partition. One thread at a time.
public protocol PartitionReader: AnyObject, Sendable {
  /// Waits at most `milliseconds` for records, then gives those that are there, near `maxBytes` at most; nil if none.
  /// Throws `.outOfRange` where retention has removed the offset.
  func poll(milliseconds: Int, maxBytes: Int) throws(BrokerError) -> RecordBlock?
  /// The offset that is read next. Once a poll has found nothing more it lies behind the holes at the partition's end,
  /// which no record tells of: markers of transactions, aborted records, what compaction took.
  var position: Int64 { get }
  func seek(to offset: Int64) throws(BrokerError)
  func close()
}

public enum ConsumerEvent: Sendable {
  case nothing
  /// New partitions; say ``GroupConsumer/begin(_:at:)`` for each.
  case assigned([TopicPartition])
  /// Partitions that go to others. `lost`: they are others' already (the session ended).
  case revoked([TopicPartition], lost: Bool)
  case records([RecordBlock])
  /// Retention has removed where the partition was to be read next (or the topic was made anew and is shorter);
  /// nothing comes of it before the next `begin`.
  case outOfRange(TopicPartition, wanted: Int64, OffsetBounds)
}

public enum StartOffset: Sendable, Hashable {
  case at(Int64)
  /// The group's committed offset, else the first one.
  case committed
  case first
}

public struct TopicPartition: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
  public var topic: String
  public var partition: Int
  public init(_ topic: String, _ partition: Int) {
    self.topic = topic
    self.partition = partition
  }
  public var description: String { "\(topic)[\(partition)]" }
  public static func < (a: TopicPartition, b: TopicPartition) -> Bool {
    (a.topic, a.partition) < (b.topic, b.partition)
  }
}

public struct OffsetBounds: Sendable, Hashable {
  public var first: Int64
  public var end: Int64
  public init(first: Int64, end: Int64) {
    self.first = first
    self.end = end
  }
}

public struct OutgoingMessage: Sendable {
  public var topic: String
  /// nil: by murmur2 of the key, as Kafka's own clients do (any, without a key).
  public var partition: Int?
  public var key: [UInt8]?
  /// nil: a tombstone.
  public var value: [UInt8]?
  public init(topic: String, partition: Int?, key: [UInt8]? = nil, value: [UInt8]?) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
  }
}

/// Records of one partition, in order: their bytes one after another in one buffer.
///
/// Filled by the broker's reader and then handed over whole and never written again, hence `@unchecked Sendable`.
public final class RecordBlock: @unchecked Sendable {
  public let at: TopicPartition
  public private(set) var entries: [Entry] = []
  /// Keys, values and headers.
  public private(set) var bytes: [UInt8] = []
  /// Whether the values lie one after the other, each that is not null with a newline behind it: good lines of text, where
  /// no value holds a newline itself.
  public private(set) var valuesAreLines = false

  /// A record: offsets and lengths into the block's bytes; a length of −1 means null.
  public struct Entry: Sendable {
    public var offset: Int64
    /// Milliseconds since 1970: creation or append time, as the topic is configured.
    public var timestamp: Int64
    public var keyStart: Int32
    public var keyLength: Int32
    public var valueStart: Int32
    public var valueLength: Int32
    /// Headers lie encoded together: for each UInt32 name length, name, Int32 value length (−1 null), value,
    /// little-endian.
    public var headersStart: Int32
    public var headersLength: Int32

    public init(
      offset: Int64, timestamp: Int64, keyStart: Int32, keyLength: Int32, valueStart: Int32, valueLength: Int32,
      headersStart: Int32, headersLength: Int32
    ) {
      self.offset = offset
      self.timestamp = timestamp
      self.keyStart = keyStart
      self.keyLength = keyLength
      self.valueStart = valueStart
      self.valueLength = valueLength
      self.headersStart = headersStart
      self.headersLength = headersLength
    }
  }

  public init(_ at: TopicPartition) { self.at = at }

  /// Of records that were gathered elsewhere.
  public init(_ at: TopicPartition, entries: [Entry], bytes: [UInt8], valuesAreLines: Bool = false) {
    self.at = at
    self.valuesAreLines = valuesAreLines
    self.entries = entries
    self.bytes = bytes
  }

  public var count: Int { entries.count }

  /// The offset after the last record; holes behind it are not known of.
  public var nextOffset: Int64 { (entries.last?.offset ?? -1) + 1 }

  public func append(
    offset: Int64, timestamp: Int64, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    headers: UnsafeRawBufferPointer? = nil
  ) {
    valuesAreLines = false
    func add(_ part: UnsafeRawBufferPointer?) -> (Int32, Int32) {
      let start = Int32(truncatingIfNeeded: bytes.count)
      guard let part else { return (start, -1) }
      bytes.append(contentsOf: part)
      return (start, Int32(truncatingIfNeeded: part.count))
    }
    let (keyStart, keyLength) = add(key)
    let (valueStart, valueLength) = add(value)
    let (headersStart, headersLength) = add(headers)
    entries.append(
      Entry(
        offset: offset, timestamp: timestamp, keyStart: keyStart, keyLength: keyLength, valueStart: valueStart,
        valueLength: valueLength, headersStart: headersStart, headersLength: max(headersLength, 0)))
  }

  /// The n-th record's value; nil for a tombstone. A copy: for control topics, not for data.
  public func value(_ index: Int) -> [UInt8]? {
    let entry = entries[index]
    if entry.valueLength < 0 { return nil }
    return Array(bytes[Int(entry.valueStart)..<Int(entry.valueStart + entry.valueLength)])
  }

  /// The same, but as a piece of the block's bytes: they all stay for as long as it does.
  public func valueSlice(_ index: Int) -> ArraySlice<UInt8>? {
    let entry = entries[index]
    if entry.valueLength < 0 { return nil }
    return bytes[Int(entry.valueStart)..<Int(entry.valueStart + entry.valueLength)]
  }

  public func key(_ index: Int) -> [UInt8]? {
    let entry = entries[index]
    if entry.keyLength < 0 { return nil }
    return Array(bytes[Int(entry.keyStart)..<Int(entry.keyStart + entry.keyLength)])
  }
}

/// A topic as it shall be.
public struct TopicSpec: Sendable, Hashable {
  public var name: String
  public var partitions: Int
  /// As far as the cluster has brokers.
  public var replication: Int
  public var config: [String: String]
  public init(name: String, partitions: Int, replication: Int = 3, config: [String: String] = [:]) {
    self.name = name
    self.partitions = partitions
    self.replication = replication
    self.config = config
  }
}

/// A topic as it is.
public struct TopicDescription: Sendable, Hashable {
  public var partitions: Int
  public var replication: Int
  /// Values in force, defaults included where the broker tells them.
  public var config: [String: String]
  public init(partitions: Int, replication: Int, config: [String: String]) {
    self.partitions = partitions
    self.replication = replication
    self.config = config
  }
}

public struct BrokerError: Error, Sendable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    /// Not reachable, or no leader, after the client's own retries: try again later.
    case unavailable
    /// Wrong credentials or no permission.
    case forbidden
    case noSuchTopic
    /// The offset is not (or no longer) there.
    case outOfRange(OffsetBounds)
    case tooLarge
    /// The caller no longer owns what it acts for.
    case fenced
    /// No room on the device.
    case full
    /// Closed by ourselves.
    case closed
    /// Data that cannot be what was written.
    case damaged
    case other
  }
  public var code: Code
  /// "append", "poll", …
  public var operation: String
  /// Topic and partition, or the broker's address.
  public var location: String
  public var message: String
  /// What the user can do next, or "".
  public var hint: String

  public init(_ code: Code, operation: String, location: String, message: String, hint: String = "") {
    self.code = code
    self.operation = operation
    self.location = location
    self.message = message
    self.hint = hint
  }

  /// Whether the same call may succeed later without anybody doing something.
  public var isTransient: Bool { code == .unavailable }

  public var description: String {
    "\(operation) \(location): \(message)" + (hint.isEmpty ? "" : "; \(hint)")
  }
}

/// The time of day; virtual in simulation.
public protocol WallClock: Sendable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  func now() -> Int64
}
