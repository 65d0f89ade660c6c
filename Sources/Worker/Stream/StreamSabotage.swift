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
}

extension LedgerEntry {
  /// The entry as if its objects had been looked at just now.
  func based(on fold: LedgerFold) -> LedgerEntry {
    guard case .commit(var commit) = self else { return self }
    for index in commit.inputs.indices {
      commit.inputs[index].base = fold.objects[commit.inputs[index].object]?.position
    }
    return .commit(commit)
  }
}
