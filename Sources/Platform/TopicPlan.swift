/// How topics differ from what they shall be, and what `tributary topics apply` would do about it. A value.
///
/// Nothing is ever taken away: partitions are not removed, and what a topic sets beyond its spec is left alone.
public struct TopicPlan: Sendable, Hashable {
  public var differences: [TopicDifference]

  /// - Parameters:
  ///   - have: what ``Broker/describe(_:)`` says of the specs' topics.
  ///   - fixedPartitions: topics whose number of partitions is their meaning (`rows`, `features`: a key's shard).
  public init(_ wanted: [TopicSpec], have: [String: TopicDescription], fixedPartitions: Set<String> = []) {
    differences = wanted.flatMap { spec in
      Self.differences(spec, have[spec.name], isFixed: fixedPartitions.contains(spec.name))
    }
  }

  public var isEmpty: Bool { differences.isEmpty }
  /// Whether something is left that `apply` does not mend.
  public var needsHands: Bool { differences.contains { !$0.isMended } }

  /// What to create, and what to set on which topic: the arguments for ``Broker/create(_:)`` and
  /// ``Broker/alter(_:config:)``.
  public var creations: [TopicSpec] {
    differences.compactMap { if case .missing(let spec) = $0.kind { spec } else { nil } }
  }
  public var alterations: [String: [String: String]] {
    differences.reduce(into: [:]) { all, difference in
      if case .config(let name, let want, _) = difference.kind { all[difference.topic, default: [:]][name] = want }
    }
  }

  /// Does what can be done without losing anything.
  public func apply(to broker: any Broker) throws(BrokerError) {
    if !creations.isEmpty { try broker.create(creations) }
    for (topic, config) in alterations.sorted(by: { $0.key < $1.key }) { try broker.alter(topic, config: config) }
  }

  private static func differences(
    _ spec: TopicSpec, _ have: TopicDescription?, isFixed: Bool
  ) -> [TopicDifference] {
    guard let have else { return [TopicDifference(topic: spec.name, kind: .missing(spec))] }
    var kinds: [TopicDifference.Kind] = []
    if have.partitions < spec.partitions {
      kinds.append(.tooFewPartitions(want: spec.partitions, have: have.partitions, isFixed: isFixed))
    } else if have.partitions > spec.partitions {
      kinds.append(.tooManyPartitions(want: spec.partitions, have: have.partitions, isFixed: isFixed))
    }
    if have.replication < spec.replication {
      kinds.append(.replication(want: spec.replication, have: have.replication))
    }
    // With fewer replicas, fewer can be asked to be in sync.
    let wanted = spec.fitted(replication: have.replication).config
    for (name, want) in wanted.sorted(by: { $0.key < $1.key }) where have.config[name] != want {
      kinds.append(.config(name, want: want, have: have.config[name]))
    }
    return kinds.map { TopicDifference(topic: spec.name, kind: $0) }
  }
}

public struct TopicDifference: Sendable, Hashable, CustomStringConvertible {
  public var topic: String
  public var kind: Kind

  public enum Kind: Sendable, Hashable {
    case missing(TopicSpec)
    case tooFewPartitions(want: Int, have: Int, isFixed: Bool)
    case tooManyPartitions(want: Int, have: Int, isFixed: Bool)
    case replication(want: Int, have: Int)
    /// `have` nil: the broker does not tell.
    case config(String, want: String, have: String?)
  }

  /// Whether `tributary topics apply` sets it right.
  public var isMended: Bool {
    switch kind {
    case .missing, .config: true
    case .tooFewPartitions, .tooManyPartitions, .replication: false
    }
  }

  public var description: String {
    switch kind {
    case .missing(let spec): "\(topic): missing (\(spec.partitions) partitions)"
    case .tooFewPartitions(let want, let have, let isFixed):
      "\(topic): \(have) partitions, \(want) wanted"
        + (isFixed
          ? "; never added, since a key's partition would change: set `shards` to \(have), or make a new dataset"
          : "; add them with Kafka's own tools")
    case .tooManyPartitions(let want, let have, let isFixed):
      "\(topic): \(have) partitions, \(want) wanted; partitions cannot be removed"
        + (isFixed ? ": set `shards` to \(have), or make a new dataset" : ", and more do no harm")
    case .replication(let want, let have):
      "\(topic): \(have) replicas, \(want) wanted; with enough brokers, reassign them with Kafka's own tools"
    case .config(let name, let want, let have):
      "\(topic): \(name) is \(have ?? "not told"), \(want) wanted"
    }
  }
}
