internal import Definition
internal import Pipeline
internal import Platform

extension SnapshotPublisher {
  /// What the manifest says of the inputs, in an order that does not depend on where they were read from.
  func records(_ engine: IngestEngine) -> ([Manifest.InputRecord], [Manifest.RangeRecord]) {
    var inputs: [(source: Int, record: Manifest.InputRecord)] = []
    var ranges: [(source: Int, record: Manifest.RangeRecord)] = []
    for (input, counts) in engine.results {
      switch input {
      case .object(let file):
        if file.isRetained, let expected = file.expected {
          inputs.append((file.source, expected))
          continue
        }
        let source = plan.sources[file.source]
        inputs.append(
          (
            file.source,
            Manifest.InputRecord(
              source: source.source.name, bucket: file.info.bucket, key: file.info.key, version: file.info.version,
              etag: file.info.etag, size: file.info.size, modified: TimeText.iso(file.modified),
              modifiedMicroseconds: file.modified, sha256: counts.sha256, rowsRead: counts.read,
              rowsApplied: counts.read - counts.rejected, rowsRejected: counts.rejected,
              rowsAfterAsOf: source.asOf == nil ? nil : counts.afterAsOf)
          ))
      case .range(let range):
        ranges.append(
          (
            range.source,
            Manifest.RangeRecord(
              source: range.range.source, topic: range.range.topic, partition: range.range.partition,
              from: range.from, to: range.to, rowsRead: counts.read, rowsApplied: counts.read - counts.rejected,
              rowsRejected: counts.rejected, skipped: range.expected?.skipped)
          ))
      }
    }
    inputs.sort {
      $0.source == $1.source
        ? $0.record.location.utf8.lexicographicallyPrecedes($1.record.location.utf8) : $0.source < $1.source
    }
    ranges.sort {
      ($0.source, $0.record.topic, $0.record.partition) < ($1.source, $1.record.topic, $1.record.partition)
    }
    return (inputs.map(\.record), ranges.map(\.record))
  }
}
