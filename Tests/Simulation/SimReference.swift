import Pipeline
import Platform

/// What a snapshot must hold, worked out row by row from what was put and produced: none of the code under test is in it.
struct SimReference {
  let dataset: SimDataset

  /// A row with its place in the order in which ties are broken.
  struct Placed {
    var row: SimRow
    /// Of the order: the row's time, or its object's in a source without.
    var time: Int64
    var input: String
    var number: Int64
    var isRemoval = false

    func precedes(_ other: Placed) -> Bool {
      (time, input, number) < (other.time, other.input, other.number)
    }
  }

  struct Counts: Equatable {
    var read: UInt64 = 0
    var rejected: UInt64 = 0
  }

  private var rows: [String: [Placed]] = [:]

  init(_ dataset: SimDataset) { self.dataset = dataset }

  /// An object's rows; gives what must have been counted.
  mutating func add(source name: String, key: String, modified: Int64, _ rows: [SimRow]) -> Counts {
    guard let source = dataset.source(name) else { return Counts() }
    var counts = Counts()
    for row in rows {
      counts.read += 1
      if row.isBad {
        counts.rejected += 1
        continue
      }
      self.rows[name, default: []].append(
        Placed(row: row, time: source.isTimed ? row.time : modified, input: key, number: Int64(counts.read)))
    }
    return counts
  }

  /// A partition's records.
  mutating func add(source name: String, _ at: TopicPartition, _ records: [SimInputs.Record]) -> Counts {
    guard let source = dataset.source(name), case .records(_, let isKeyed) = source.kind else { return Counts() }
    var counts = Counts()
    for record in records {
      counts.read += 1
      var placed = Placed(
        row: SimRow(key: record.key, time: record.timestamp * 1000, number: 0, text: ""), time: 0,
        input: "\(at.partition)", number: record.offset)
      switch record.body {
      case .row(let row) where !row.isBad:
        placed.row = row
        if isKeyed { placed.row.time = record.timestamp * 1000 }
      case .tombstone where isKeyed: placed.isRemoval = true
      default:
        counts.rejected += 1
        continue
      }
      if source.isTimed { placed.time = placed.row.time }
      rows[name, default: []].append(placed)
    }
    return counts
  }

  /// The newest row a key, removals left out, of a `latest` source.
  func latest(_ source: SimDataset.SimSource, asOf: Int64) -> [String: Placed] {
    var newest: [String: Placed] = [:]
    for placed in rows[source.name] ?? [] where !source.isTimed || placed.time < asOf {
      if let held = newest[placed.row.key], placed.precedes(held) { continue }
      newest[placed.row.key] = placed
    }
    return newest.filter { !$0.value.isRemoval }
  }

  func all(_ source: String) -> [Placed] { rows[source] ?? [] }

  /// The snapshot's rows by key: values in the order of ``SimDataset/columns``.
  func snapshot(asOf: Int64) -> [String: [String]] {
    var out: [String: [String]] = [:]
    guard let from = dataset.source(dataset.rowsFrom) else { return out }
    for key in latest(from, asOf: asOf).keys { out[key] = [] }
    for source in dataset.sources {
      if source.isLatest {
        let newest = latest(source, asOf: asOf)
        for key in out.keys {
          out[key]?.append(newest[key].map { "\($0.row.number)" } ?? "")
          out[key]?.append(newest[key].map { source.text(of: $0.row) } ?? "")
        }
        continue
      }
      var groups: [String: [Placed]] = [:]
      for placed in rows[source.name] ?? [] where placed.time < asOf {
        groups[placed.row.key, default: []].append(placed)
      }
      for key in out.keys {
        let group = groups[key] ?? []
        out[key]?.append("\(group.count)")
        out[key]?.append(group.isEmpty ? "" : "\(group.reduce(0) { $0 + $1.row.number })")
        out[key]?.append(group.map(\.row.number).max().map { "\($0)" } ?? "")
        out[key]?.append(group.max { $0.precedes($1) }.map { source.text(of: $0.row) } ?? "")
        if source.window { out[key]?.append("\(group.count { $0.time >= asOf - 3_600_000_000 })") }
      }
    }
    return out
  }
}
