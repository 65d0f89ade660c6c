internal import Logging

/// What a node says of itself in its log while all goes well: that it serves, and what came in since it last said so. Pure.
struct NodeJournal: Sendable {
  enum Line: Sendable, Equatable {
    case ready(shards: Int)
    case read(inputs: Int, rows: UInt64, rejected: UInt64)
  }

  private var wasReady = false
  private var inputs = 0
  private var rows: UInt64 = 0
  private var rejected: UInt64 = 0
  private var saidAt: Int64?

  /// Between two lines of progress, microseconds.
  static let every: Int64 = 10_000_000

  /// What is to be said now. `now`: microseconds.
  mutating func lines(isReady: Bool, _ totals: NodeTotals, now: Int64) -> [Line] {
    var lines: [Line] = []
    let isReady = isReady && !totals.shards.isEmpty
    if isReady && !wasReady { lines.append(.ready(shards: totals.shards.count)) }
    wasReady = isReady
    if totals.inputsAccepted > inputs, saidAt.map({ now - $0 >= NodeJournal.every }) ?? true {
      lines.append(
        .read(
          inputs: totals.inputsAccepted - inputs, rows: totals.rowsRead - rows,
          rejected: totals.rowsRejected - rejected))
      (inputs, rows, rejected, saidAt) = (totals.inputsAccepted, totals.rowsRead, totals.rowsRejected, now)
    }
    return lines
  }
}

extension NodeJournal.Line {
  func write(to log: Log) {
    switch self {
    case .ready(let shards): log.info("ready", ["shards": .init(shards)])
    case .read(let inputs, let rows, let rejected):
      log.info("read", ["inputs": .init(inputs), "rows": .init(rows), "rejected": .init(rejected)])
    }
  }
}
