extension DatasetTopics {
  /// The topics of the program (ARCHITECTURE.md §9), the same as `topics/*.yaml` declares for people; a test compares
  /// the two. `rows` keeps Kafka's default limit on messages (1,048,588 bytes): a row batch has at most 512 KiB.
  ///
  /// `shards`: partitions of `rows` and `features`. `eventPartitions`: of `s3.events`, which all datasets share.
  public func specs(shards: Int, eventPartitions: Int = 16, deadLetterPartitions: Int = 16) -> [TopicSpec] {
    let days = { (count: Int) in String(count * 86_400_000) }
    let appendTime = ["message.timestamp.type": "LogAppendTime"]
    return [
      Self.spec(Self.events, eventPartitions, ["retention.ms": days(7)]),
      Self.spec(rows, shards, ["retention.ms": days(3)].merging(appendTime) { $1 }),
      Self.spec(ledger, 1, ["retention.ms": "-1"].merging(appendTime) { $1 }),
      Self.spec(control, 1, ["retention.ms": days(30)]),
      Self.spec(features, shards, ["cleanup.policy": "compact"]),
      Self.spec(snapshots, 1, ["retention.ms": "-1"]),
      Self.spec(deadLetters, deadLetterPartitions, ["retention.ms": days(30)]),
    ]
  }

  /// Topics in which a key's partition is its shard, so that partitions are never added.
  public var fixedPartitions: Set<String> { [rows, features, ledger, control] }

  private static func spec(_ name: String, _ partitions: Int, _ config: [String: String]) -> TopicSpec {
    let common = [
      "cleanup.policy": "delete", "min.insync.replicas": "2", "unclean.leader.election.enable": "false",
    ]
    return TopicSpec(
      name: name, partitions: partitions, replication: 3, config: common.merging(config) { $1 })
  }
}
