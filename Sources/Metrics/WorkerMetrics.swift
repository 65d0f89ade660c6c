/// The metrics of `tributary run` (docs/metrics.md), each registered under its name with its help.
///
/// Those with labels are looked up under a lock: once a batch, not once a row.
public struct WorkerMetrics: Sendable {
  public let registry: MetricsRegistry

  public let inputsInFlight: Gauge
  public let inputsFailed: Gauge
  public let ledgerPosition: Gauge
  public let commitSeconds: Histogram
  public let stagedBytes: Gauge
  public let checkpoints: Counter
  public let checkpointBytes: Counter
  public let snapshotsPublished: Counter
  public let snapshotSeconds: Histogram
  public let snapshotLastTimestampSeconds: Gauge
  public let deadLetters: Counter
  public let featureRows: Counter
  public let repairedInputs: Counter

  /// `version`: Tributary's.
  public init(_ registry: MetricsRegistry = MetricsRegistry(), version: String) {
    self.registry = registry
    inputsInFlight = registry.gauge("tributary_inputs_in_flight", "Inputs that are being read or await their verdict.")
    inputsFailed = registry.gauge("tributary_inputs_failed", "Inputs that were given up; somebody has to look.")
    ledgerPosition = registry.gauge("tributary_ledger_position", "The last ledger entry that this worker has folded.")
    commitSeconds = registry.histogram(
      "tributary_commit_seconds", "Time from appending a ledger entry to folding its verdict.",
      buckets: Histogram.seconds)
    stagedBytes = registry.gauge("tributary_staged_bytes", "Row batches held that no verdict has come for.")
    checkpoints = registry.counter("tributary_checkpoints_total", "Checkpoints written.")
    checkpointBytes = registry.counter("tributary_checkpoint_bytes_total", "Bytes of segments and checkpoints written.")
    snapshotsPublished = registry.counter(
      "tributary_snapshots_published_total", "Snapshots that this worker published.")
    snapshotSeconds = registry.histogram(
      "tributary_snapshot_seconds", "Time from a snapshot's cut to its publication.", buckets: Histogram.seconds)
    snapshotLastTimestampSeconds = registry.gauge(
      "tributary_snapshot_last_timestamp_seconds", "When the last snapshot was published, seconds since 1970.")
    deadLetters = registry.counter("tributary_dead_letters_total", "Rejected rows and objects that were set aside.")
    featureRows = registry.counter("tributary_feature_rows_total", "Changed rows written to the features topic.")
    repairedInputs = registry.counter(
      "tributary_repaired_inputs_total", "Inputs that no notification told of, found by listing the store.")
    registry.gauge("tributary_build_info", "1; its label says what runs.", ["version": version]).set(1)
  }

  public func rowsRead(source: String) -> Counter {
    registry.counter("tributary_rows_read_total", "Rows read, of whatever became of them.", ["source": source])
  }

  public func rowsApplied(source: String) -> Counter {
    registry.counter("tributary_rows_applied_total", "Rows of accepted inputs that count.", ["source": source])
  }

  /// `reason`: one of a few words, never text of a row.
  public func rowsRejected(source: String, reason: String) -> Counter {
    registry.counter(
      "tributary_rows_rejected_total", "Rows of accepted inputs that were rejected.",
      ["source": source, "reason": reason])
  }

  public func bytesRead(source: String) -> Counter {
    registry.counter("tributary_bytes_read_total", "Bytes read as they are stored.", ["source": source])
  }

  public enum Verdict: String, Sendable {
    case accepted
    case refused
  }

  public func inputsCommitted(source: String, _ verdict: Verdict) -> Counter {
    registry.counter(
      "tributary_inputs_committed_total", "Inputs that the ledger has judged.",
      ["source": source, "verdict": verdict.rawValue])
  }

  /// `outcome`: one of a few words: `read`, `known`, `foreign`, `damaged`.
  public func notifications(outcome: String) -> Counter {
    registry.counter(
      "tributary_notifications_total", "Notifications of object stores, by what came of them.", ["outcome": outcome])
  }

  public struct Shard: Sendable {
    var shard: Int
    var position: Int64
    var rows: Int64
    public init(_ shard: Int, position: Int64, rows: Int64) {
      self.shard = shard
      self.position = position
      self.rows = rows
    }
  }

  /// Says once where the shards that this worker owns are read from.
  public func shards(_ read: @escaping @Sendable () -> [Shard]) {
    registry.gauges("tributary_shard_position", "The ledger entry up to which a shard has followed.") {
      read().map { Sample(["shard": String($0.shard)], $0.position) }
    }
    registry.gauges("tributary_shard_rows", "Rows in a shard's segments.") {
      read().map { Sample(["shard": String($0.shard)], $0.rows) }
    }
  }

  public struct Lag: Sendable {
    var topic: String
    var partition: Int
    var records: Int64
    public init(topic: String, partition: Int, records: Int64) {
      self.topic = topic
      self.partition = partition
      self.records = records
    }
  }

  /// Says once where the lag of the partitions that this worker reads is read from.
  public func lag(_ read: @escaping @Sendable () -> [Lag]) {
    registry.gauges("tributary_consumer_lag_records", "Records that are there and not read yet.") {
      read().map { Sample(["topic": $0.topic, "partition": String($0.partition)], $0.records) }
    }
  }
}
