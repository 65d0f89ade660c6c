internal import Logging
internal import Pipeline
internal import Platform
internal import Status

/// An input whose rows shards of a worker wait for: the topic of rows has them no longer.
public struct MissingInput: Sendable, Hashable, Codable {
  public var source: String
  /// `s3://lake/a.csv`, a path, or `app.clicks[3]:100-200`.
  public var input: String
  /// Rows of the whole input.
  public var rows: UInt64
  /// Of the ledger's entry that brought them. Inputs of one entry are supplied or given up together.
  public var position: Int
  /// Of the asked worker.
  public var shards: [Int]
  /// Why they cannot be supplied, once somebody has tried.
  public var problem: String?

  /// Whether it is what somebody calls so: by its name, or a topic's partition for all that is missing of it.
  public func isCalled(_ name: String) -> Bool {
    name == input || (name.hasSuffix("]") && input.hasPrefix(name + ":"))
  }
}

extension StreamParts {
  /// In the ledger's order.
  var missing: [MissingInput] {
    grouped.flatMap { rows, shards in inputs(rows, shards) }
  }

  private var grouped: [(rows: MissingRows, shards: [Int])] {
    var grouped: [Int: (rows: MissingRows, shards: [Int])] = [:]
    for (shard, rows) in join.missing { grouped[rows.position, default: (rows, [])].shards.append(shard) }
    return grouped.sorted { $0.key < $1.key }.map { ($0.value.rows, $0.value.shards.sorted()) }
  }

  private func inputs(_ missing: MissingRows, _ shards: [Int]) -> [MissingInput] {
    let commit = missing.commit
    let all =
      commit.inputs.map { ($0.object.location, $0.rowsApplied) }
      + commit.ranges.map { ($0.name, $0.rowsRead - $0.rowsRejected) }
    let problem = supply.failures[missing.position]
    return zip(all, missing.needed).compactMap { input, isNeeded in
      guard isNeeded else { return nil }
      return MissingInput(
        source: commit.source, input: input.0, rows: input.1, position: missing.position, shards: shards,
        problem: problem)
    }
  }

  /// Gives up what is called so, or all, with what was committed together with it; says what that was. What the stores
  /// still have of it is read anew.
  func giveUp(_ names: [String], all: Bool) throws -> [MissingInput] {
    var gone: [MissingInput] = []
    for (rows, shards) in grouped {
      let inputs = inputs(rows, shards)
      guard all || inputs.contains(where: { input in names.contains { input.isCalled($0) } }) else { continue }
      let why = inputs.first?.problem.map { ": \($0)" } ?? ""
      let loss = rows.loss(reason: "rows that \(context.topics.rows) no longer had were given up\(why)")
      _ = try LedgerWriter.append(.lost(loss), to: context.broker, context.topics.ledger)
      gone += inputs
      context.log.warning(
        "rows were given up",
        [
          "source": .init(rows.commit.source), "inputs": .init(rows.names.prefix(3).joined(separator: ", ")),
          "position": .init(rows.position),
        ])
    }
    if !gone.isEmpty { control.requestListing(again: false) }
    return gone
  }

  /// For the status document; nil if nothing is missing.
  var missingStatus: NodeStatus.Missing? {
    let missing = missing
    if missing.isEmpty { return nil }
    return NodeStatus.Missing(
      missing.map {
        NodeStatus.Missing.Input(
          source: $0.source, location: $0.input, rows: Int64(clamping: $0.rows), shards: $0.shards, problem: $0.problem)
      })
  }
}

extension StreamNode {
  /// What this worker's shards wait for, in the ledger's order.
  public var missing: [MissingInput] { parts.missing }

  /// Reads the inputs again whose rows are missing, as far as they are still there, and supplies these.
  public func requestSupply() { parts.supply.request() }

  /// Goes on without missing rows: those of inputs that are called so, or all. Gives what was given up, in whole entries.
  public func giveUp(_ names: [String], all: Bool) throws -> [MissingInput] { try parts.giveUp(names, all: all) }
}
