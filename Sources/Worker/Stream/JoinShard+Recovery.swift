internal import Logging
internal import Pipeline
internal import Platform

/// From the highest checkpoint that can be used back to where the ledger goes on.
extension JoinShard {
  /// Takes up the highest checkpoint. Gives where to read `rows` from. May be repeated where it failed.
  func recover() throws -> Int64 {
    close()
    var failure: (any Error)?
    for key in try storage.checkpointKeys() {
      do {
        try takeUp(try storage.checkpoint(key))
        failure = nil
        break
      } catch {
        // The highest may name what others have swept, if who wrote it had been away for long; each other one will do.
        guard
          (error as? StoreError)?.code == .notFound || error is SegmentStorage.Missing
            || error is SegmentStorage.Damage
        else { throw error }
        context.log.warning(
          "a checkpoint cannot be used; the one before it is tried", ["key": .init(key), "error": .init("\(error)")])
        failure = failure ?? StreamError("no checkpoint of shard \(shard) can be used; \(key): \(error)")
      }
    }
    if let failure { throw failure }
    // Shards that begin together write their checkpoints one after another, not all at once.
    let every = context.options.checkpointEvery
    checkpointedAt = context.clock.now() - every / Int64(context.plan.shards) * Int64(shard)
    sweptAt = context.clock.now()
    followLedger()
    storage.removeLocally(except: Set(segments.refs.compactMap(\.name)).union(uploaded))
    if context.options.emitsFeatures { live = try ShardLive(self, recovering: segments.refs, told: told) }
    return rowsOffset
  }

  private func takeUp(_ checkpoint: Checkpoint) throws {
    let refs = try checkpoint.segments.map(open)
    recoveredCuts = try checkpoint.cuts.map { ($0.id, try $0.segments.map(open)) }
    segments = SegmentSet(refs)
    position = checkpoint.position
    chain = LedgerChain(checkpoint.chain) ?? LedgerChain()
    rowsTaken = RowsTaken(from: checkpoint.rowsOffset)
    checkpointed = position
    uploaded = checkpoint.names
    told = checkpoint.told
  }

  /// The checkpoint's cuts that have not ended meanwhile; the fold has their inputs. False while it is being read.
  func takeUpCuts() -> Bool {
    if recoveredCuts.isEmpty { return true }
    guard let states = context.ledger.readAtHead({ fold in recoveredCuts.map { fold.cuts[$0.id] } }) else {
      return false
    }
    for (cut, state) in zip(recoveredCuts, states) {
      if let state { cuts.begin(CutWork(cut: state, shard: shard, segments: cut.segments, removals: nil)) }
    }
    recoveredCuts = []
    return true
  }

  private func open(_ named: Checkpoint.Segment) throws -> SegmentRef {
    let bytes = try storage.bytes(named.name, verify: true)
    let header = try SegmentCodec.header(named.name, bytes.bytes)
    return SegmentRef(name: named.name, bytes: named.bytes, header: header, dead: Set(named.dead))
  }

  /// From our position on.
  func followLedger() {
    // One entry further back: its chain has to be ours.
    cursor = context.ledger.addCursor(at: max(0, position - 1))
    if !context.ledger.holds(max(0, position - 1)) { context.ledger.rewind() }
    isChainKnown = position == 0
  }

  /// Lets go of what it holds elsewhere.
  func close() {
    if let cursor { context.ledger.removeCursor(cursor) }
    cursor = nil
  }
}
