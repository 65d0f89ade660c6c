import Foundation
import Pipeline
import Platform
import TestKit

@testable import Worker

/// Whether whoever follows the topic of features has, in the end, what a snapshot would hold.
///
/// A follower keeps a key's row with the highest ledger position, the latest as-of time among equals: a worker that was
/// away may tell an old row after a newer one. Where the last word on a key is that it is gone, it is gone.
struct SimFeatures {
  let play: SimPlay

  init(_ play: SimPlay) { self.play = play }

  private struct Row {
    var ledger: Int
    var asOf: Int64
    var values: [String]
  }

  private struct Told {
    var row: Row?
    /// Nothing that is newer was told behind it.
    var isGone = false
    /// All that was told, for people.
    var history: [String] = []
  }

  /// How far a worker's clock may be off, and how long rows may take to be told.
  static let slack: Int64 = 300_000_000

  func check() throws {
    guard play.workers.contains(where: { $0.emitsFeatures }) else { return }
    guard let last = play.world.lake.manifests["out/snapshot=\(SimPlay.finalCut)/manifest.json"] else { return }
    let manifest = try JSONDecoder().decode(Manifest.self, from: Data(last))
    let reference = try SimSnapshots(play).reference(manifest)
    let told = try told()
    let sure = play.world.now - SimFeatures.slack
    let until = play.world.now + SimFeatures.slack
    let now = reference.snapshot(asOf: sure)
    // Some clocks have passed their times, and others have not.
    var unsure: Set<String> = []
    if let source = play.dataset.source(play.dataset.rowsFrom), source.isTimed {
      for placed in reference.all(source.name) where placed.time >= sure && placed.time < until {
        unsure.insert(placed.row.key)
      }
    }
    for (key, wanted) in now.sorted(by: { $0.key < $1.key }) where !unsure.contains(key) {
      guard let row = told[key]?.row else { throw SimError("features: \(key) was never told, and is \(wanted)") }
      if told[key]?.isGone == true { throw SimError("features: \(key) was told as gone, and is \(wanted)") }
      guard let then = reference.snapshot(asOf: row.asOf)[key], then == row.values else {
        throw SimError(
          "features: \(key) is \(row.values) at \(row.ledger) as of \(SimRow.iso(row.asOf)), and must be \(reference.snapshot(asOf: row.asOf)[key] ?? []) (\(play.dataset.columns))"
        )
      }
      // Rows whose time has come since; a window alone moves on untold.
      if row.asOf < sure, fixed(row.values) != fixed(wanted) {
        throw SimError(
          "features: \(key) is \(row.values) as of \(SimRow.iso(row.asOf)), and as of \(SimRow.iso(sure)) \(wanted)")
      }
    }
    for (key, told) in told.sorted(by: { $0.key < $1.key })
    where now[key] == nil && !unsure.contains(key) && !told.isGone {
      throw SimError("features: \(key) is told as \(told.row?.values ?? []), and is gone (\(told.history))")
    }
  }

  /// Without the windows.
  private func fixed(_ values: [String]) -> [String] {
    zip(play.dataset.columns, values).filter { !$0.0.hasSuffix("_win") }.map(\.1)
  }

  /// What a follower has of each key.
  private func told() throws -> [String: Told] {
    var told: [String: Told] = [:]
    for shard in 0..<play.dataset.shards {
      let at = TopicPartition("sim.features", shard)
      let reader = try play.world.broker.reader(at, from: 0)
      while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) {
        for index in 0..<block.count {
          let key = String(decoding: block.key(index) ?? [], as: UTF8.self)
          guard let bytes = block.value(index) else {
            told[key, default: Told()].isGone = true
            told[key]?.history.append("gone")
            continue
          }
          let row = try parse(bytes)
          told[key, default: Told()].history.append("\(row.ledger) \(SimRow.iso(row.asOf))")
          if let held = told[key]?.row, (held.ledger, held.asOf) > (row.ledger, row.asOf) { continue }
          told[key]?.row = row
          told[key]?.isGone = false
        }
      }
    }
    return told
  }

  private func parse(_ bytes: [UInt8]) throws -> Row {
    guard let json = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
      let ledger = json["_ledger"] as? Int, let asOf = json["_as_of"] as? String
    else { throw SimError("features: a row cannot be understood: \(String(decoding: bytes, as: UTF8.self))") }
    let values = play.dataset.columns.map { column -> String in
      if let number = json[column] as? Int { return "\(number)" }
      return json[column] as? String ?? ""
    }
    return Row(ledger: ledger, asOf: SimSnapshots.micros(asOf), values: values)
  }
}
