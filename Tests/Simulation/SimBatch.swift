import Definition
import Pipeline
import Platform
import TestKit

@testable import Worker

/// The inputs of a snapshot as `tributary batch` would find them: what streaming must agree with (I1).
///
/// The same code decodes and folds in both, so this says nothing of that (``SimReference`` does); it says that no order of
/// arrival, crash or replay shows in a snapshot's fingerprint.
struct SimBatch {
  private let revision: SimRevision
  private let objects = MemoryObjects()
  /// Of a batch's own: an object without rows in each source, for it refuses a source without objects.
  private static let empty = "none"

  init(_ revision: SimRevision) {
    self.revision = revision
    for source in revision.dataset.sources {
      var isCSV = false
      if case .objects(_, let format) = source.kind { isCSV = format }
      put(source.name, SimBatch.empty, Array((isCSV ? SimRow.header : "").utf8), modified: 0)
    }
  }

  private func put(_ source: String, _ key: String, _ bytes: [UInt8], modified: Int64) {
    objects.set(SimDataset.batchFolder(source) + key, bytes, modified: modified)
  }

  func add(source: String, key: String, _ version: SimLake.Version) {
    put(source, key, version.bytes, modified: version.modified)
  }

  /// A source's records become an object a partition, whose name breaks ties as the partition's number does.
  ///
  /// A batch knows no tombstones: the rows that one removes as of `asOf` are left out.
  func add(_ source: SimDataset.SimSource, _ partitions: [Int: [SimInputs.Record]], asOf: Int64) {
    guard case .records(_, let isKeyed) = source.kind else { return }
    func time(_ record: SimInputs.Record) -> Int64 {
      if !source.isTimed { return 0 }
      if !isKeyed, case .row(let row) = record.body { return row.time }
      return record.timestamp * 1000
    }
    var removals: [String: (Int64, Int, Int64)] = [:]
    for (partition, records) in partitions where isKeyed {
      for record in records {
        guard case .tombstone = record.body, !source.isTimed || time(record) < asOf else { continue }
        let place = (time(record), partition, record.offset)
        if let held = removals[record.key], held > place { continue }
        removals[record.key] = place
      }
    }
    for (partition, records) in partitions {
      var text = ""
      for record in records {
        guard case .row(var row) = record.body else {
          if case .broken = record.body { text += "{broken\n" }
          continue
        }
        if let removal = removals[record.key], (time(record), partition, record.offset) < removal { continue }
        if isKeyed { row.time = record.timestamp * 1000 }
        text += row.json + "\n"
      }
      put(source.name, "\(partition)", Array(text.utf8), modified: 0)
    }
  }

  /// Runs it without writing anything.
  func run(asOf: Int64) throws -> Manifest {
    let objects = objects
    let run = BatchRun(
      revision.batch, record: .init(text: "", variables: [:], directory: ""), semanticHash: "batch",
      options: BatchOptions(
        id: "batch", now: asOf, threads: 1, temporaryDirectory: "/tmp", programVersion: "sim", dryRun: true),
      stores: MemoryDirectory { bucket in MemoryStore(objects, bucket: bucket) })
    do {
      return try run.run().manifest
    } catch {
      throw SimError("batch fails: \(error)")
    }
  }

  /// Throws unless a snapshot has batch's rows, and of each object the same counts.
  func compare(_ manifest: Manifest, asOf: Int64) throws {
    let batch = try run(asOf: asOf)
    let what = "snapshot \(manifest.snapshot)"
    if batch.fingerprint != manifest.fingerprint {
      throw SimError(
        "I1: \(what) has \(manifest.rows) rows and fingerprint \(manifest.fingerprint), batch \(batch.rows) and \(batch.fingerprint) of the same inputs"
      )
    }
    if batch.splits != manifest.splits {
      throw SimError("I4: \(what) has splits \(manifest.splits), batch \(batch.splits)")
    }
    var counts: [String: Manifest.InputRecord] = [:]
    for input in batch.inputs { counts[input.key] = input }
    for input in manifest.inputs {
      guard let other = counts[SimDataset.batchFolder(input.source) + input.key] else {
        throw SimError("I2: \(what) names \(input.source) \(input.key), which batch does not find")
      }
      if (other.rowsRead, other.rowsRejected) != (input.rowsRead, input.rowsRejected) {
        throw SimError(
          "I3: of \(input.source) \(input.key) \(what) has read \(input.rowsRead) rows and rejected \(input.rowsRejected), batch \(other.rowsRead) and \(other.rowsRejected)"
        )
      }
    }
    // Records are objects there, and one is its own.
    let named = batch.inputs.count { input in
      revision.dataset.source(input.source)?.isRecords == false && !input.key.hasSuffix("/\(SimBatch.empty)")
    }
    if named != manifest.inputs.count {
      throw SimError("I2: \(what) names \(manifest.inputs.count) objects, batch \(named)")
    }
  }
}
