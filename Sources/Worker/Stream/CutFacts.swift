internal import Pipeline

/// What the ledger says of a cut: everything in its manifest but the rows.
struct CutFacts: Sendable {
  var dataset: String
  var semanticHash: String
  /// The cut's id.
  var snapshot: String
  /// In the ledger.
  var cutPosition: Int
  /// When the broker appended the cut.
  var cutMicroseconds: Int64
  var asOf: Int64
  var generation: Int
  var shards: Int
  /// The hash chain over the ledger up to the cut, as the publisher has it.
  var chain: String
  /// In an order that does not depend on arrival.
  var inputs: [Manifest.InputRecord]
  var ranges: [Manifest.RangeRecord]
  var missing: [Manifest.MissingInput]
  /// Rows of those inputs and ranges that were rejected; its parts are relative to the snapshot's folder.
  var rejected: Manifest.RejectedRecord
  var record: Manifest.DefinitionRecord

  /// The first fact in which a report is not of this cut; nil for one that is.
  func contradiction(_ report: ShardReport) -> String? {
    func compare<T: Equatable>(_ name: String, _ theirs: T, _ ours: T) -> String? {
      theirs == ours ? nil : "\(name) \(theirs) instead of \(ours)"
    }
    if let wrong = compare("the dataset", report.dataset, dataset) { return wrong }
    if let wrong = compare("the cut", report.cut, snapshot) { return wrong }
    if let wrong = compare("the ledger position", report.cutPosition, cutPosition) { return wrong }
    if let wrong = compare("the generation", report.generation, generation) { return wrong }
    if let wrong = compare("the as-of time", report.asOf, asOf) { return wrong }
    if let wrong = compare("a shard count of", report.shards, shards) { return wrong }
    if let wrong = compare("the hash chain", report.chain, chain) {
      return "\(wrong): its worker has read another ledger (a broker that lost acknowledged writes?)"
    }
    if !(0..<shards).contains(report.shard) { return "a shard that does not exist" }
    return nil
  }
}

/// One report of each shard of a cut, in the order of shards.
struct CutReports: Sendable {
  let reports: [ShardReport]
  /// The whole cut's, as the reports have it.
  let fingerprint: Fingerprint

  /// Throws where a report is of another cut or ledger, where two of one shard differ, and where one is missing.
  init(_ all: [ShardReport], of facts: CutFacts) throws(PublishError) {
    var chosen: [Int: ShardReport] = [:]
    for report in all {
      if let wrong = facts.contradiction(report) {
        throw PublishError(
          .reports, "the report of shard \(report.shard) by \(report.writer) is not of this cut: it says \(wrong)")
      }
      guard let other = chosen[report.shard] else {
        chosen[report.shard] = report
        continue
      }
      guard other.fingerprint == report.fingerprint, other.splits == report.splits else {
        throw PublishError(
          .reports,
          "shard \(report.shard) was reported with different rows by \(other.writer) and \(report.writer)")
      }
      // Workers of different versions may write other bytes of the same rows; which of them counts does not depend on
      // who was first.
      if (report.state.key, report.writer) < (other.state.key, other.writer) { chosen[report.shard] = report }
    }
    let missing = (0..<facts.shards).filter { chosen[$0] == nil }
    guard missing.isEmpty else {
      throw PublishError(
        .reports,
        "\(missing.count) of \(facts.shards) shards have not reported: \(missing.prefix(10).map(String.init).joined(separator: ", "))\(missing.count > 10 ? " …" : "")"
      )
    }
    reports = chosen.sorted { $0.key < $1.key }.map(\.value)
    var sum = Fingerprint()
    for report in reports {
      do throws(StateError) {
        sum.merge(try Fingerprint(hexState: report.fingerprint))
      } catch {
        throw PublishError(.reports, "the report of shard \(report.shard) by \(report.writer): \(error)")
      }
    }
    fingerprint = sum
  }
}
