/// A topic's configuration as a broker inside this process understands it: Kafka's names and defaults.
///
/// Names that mean nothing here (`min.insync.replicas`) are kept and told again, so that a declared topic compares equal.
public struct TopicConfig: Sendable, Hashable {
  /// What was set, as it was set.
  public private(set) var overrides: [String: String] = [:]
  /// Milliseconds after which records go; nil: never.
  public private(set) var retentionMilliseconds: Int64?
  public private(set) var isCompacted = false
  /// Bytes of a record, key and value, at most.
  public private(set) var messageBytesMax: Int64 = 1_048_588

  private static let defaults = [
    "cleanup.policy": "delete", "retention.ms": "604800000", "max.message.bytes": "1048588",
    "message.timestamp.type": "LogAppendTime",
  ]

  /// `topic` is for messages only.
  public init(_ overrides: [String: String], topic: String) throws(BrokerError) {
    self.overrides = overrides
    let values = inForce
    let policies = (values["cleanup.policy"] ?? "").split(separator: ",").map { $0.trimming(" ") }
    guard !policies.isEmpty, policies.allSatisfy({ $0 == "delete" || $0 == "compact" }) else {
      throw Self.invalid("cleanup.policy", values, topic, "delete, compact or both")
    }
    isCompacted = policies.contains("compact")
    guard let retention = Int64(values["retention.ms"] ?? ""), retention >= -1 else {
      throw Self.invalid("retention.ms", values, topic, "milliseconds, or -1 for ever")
    }
    retentionMilliseconds = retention < 0 || !policies.contains("delete") ? nil : retention
    guard let most = Int64(values["max.message.bytes"] ?? ""), most >= 0 else {
      throw Self.invalid("max.message.bytes", values, topic, "bytes")
    }
    messageBytesMax = most
  }

  /// All values in force, defaults included.
  public var inForce: [String: String] { Self.defaults.merging(overrides) { $1 } }

  /// The same with some values set anew.
  public func setting(_ changes: [String: String], topic: String) throws(BrokerError) -> TopicConfig {
    try TopicConfig(overrides.merging(changes) { $1 }, topic: topic)
  }

  private static func invalid(
    _ name: String, _ values: [String: String], _ topic: String, _ expected: String
  ) -> BrokerError {
    BrokerError(
      .other, operation: "configure", location: topic,
      message: "\(name) is '\(values[name] ?? "")', which is not valid", hint: "give \(expected)")
  }
}

extension Substring {
  fileprivate func trimming(_ character: Character) -> Substring {
    var rest = self
    while rest.first == character { rest.removeFirst() }
    while rest.last == character { rest.removeLast() }
    return rest
  }
}
