internal import Pipeline

/// A rule that the simulation switches off to see that it notices (`Tests/Simulation`). Nothing else sets it.
enum StreamSabotage: String, Sendable, CaseIterable {
  /// The fold accepts an observation whatever was accepted since it was made.
  case base
  /// A notification is acknowledged when it is read, not when what it speaks of is in the ledger.
  case acknowledge
  /// A checkpoint without the cuts that are pending.
  case pin
  /// No seek after a refused range.
  case seek
  /// Staged rows are taken for all rows.
  case receipt
  /// Rows before and after a cut in one segment.
  case stretch
  /// Inputs of a segment count as its own though it has no rows of them.
  case dead
  /// Commits that were read by an older definition count.
  case generation
  /// Columns that come back are taken for ones that never went.
  case columns
  /// A checkpoint takes rows as told that the topic of features has not got.
  case told
  /// What retention took passes for a hole in the offsets.
  case gap
  /// Rows that went since the last snapshot are in the next one still.
  case kept
  /// `rows` tells of files of row batches that were not written.
  case files
  /// What is held for a publisher stays where it is when another one publishes.
  case held
}

extension LedgerEntry {
  /// The entry as a fold sees it that lacks a rule.
  func sabotaged(_ sabotage: StreamSabotage?, _ fold: LedgerFold) -> LedgerEntry {
    if sabotage == .columns, case .defined(let generation, let hash, let shards, _) = self {
      return .defined(generation: generation, semanticHash: hash, shards: shards)
    }
    guard sabotage == .base || sabotage == .generation, case .commit(var commit) = self else { return self }
    if sabotage == .generation {
      if let generation = fold.generation { commit.generation = generation }
      return .commit(commit)
    }
    // As if its objects had been looked at just now.
    for index in commit.inputs.indices {
      commit.inputs[index].base = fold.objects[commit.inputs[index].object]?.position
    }
    return .commit(commit)
  }
}
