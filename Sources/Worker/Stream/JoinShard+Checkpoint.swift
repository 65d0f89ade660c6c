internal import Definition
internal import Metrics
internal import Pipeline
internal import Platform

/// Writing down what is new.
extension JoinShard {
  /// Whether a checkpoint is due.
  func isCheckpointDue(memoryMax: Int) -> Bool {
    guard halted == nil, recoveredCuts.isEmpty else { return false }
    if segments.memoryBytes >= memoryMax { return true }
    // A snapshot that is being written goes first, for somebody may wait for it; for a while.
    let every = context.options.checkpointEvery * (cuts.isEmpty ? 1 : 2)
    return position > checkpointed && context.clock.now() - checkpointedAt >= every
  }

  /// Writes down what is new: segments first, then the checkpoint that names them.
  func checkpoint() throws {
    // Nothing was folded since the last one.
    guard recoveredCuts.isEmpty else { return }
    try seal()
    if cuts.isEmpty { try merge() }
    let refs = segments.refs
    var pending: [Checkpoint.Cut] = []
    for work in cuts.works {
      pending.append(Checkpoint.Cut(id: work.cut.id, segments: try work.segments.map(named)))
    }
    let checkpoint = Checkpoint(
      dataset: context.definition.dataset, shard: shard, shards: context.plan.shards, position: position,
      chain: chain.description, rowsOffset: rowsOffset, segments: try refs.map(named),
      cuts: context.options.sabotage == .pin ? [] : pending, told: live?.told)
    let before = checkpoints.bytes
    // After a long pause we may own the shard no more, and its owner's sweep may have taken what only we knew of.
    let began = context.clock.now()
    if began - checkpointedAt > JoinShard.sweepGrace / 2 { uploaded = try storage.uploadedNames() }
    try upload(checkpoint.names)
    checkpoints.bytes += try storage.write(checkpoint)
    if context.clock.now() - began > JoinShard.sweepGrace / 2 {
      uploaded = try storage.uploadedNames()
      try upload(checkpoint.names)
    }
    checkpoints.count += 1
    context.metrics.checkpoints.increment()
    context.metrics.checkpointBytes.increment(by: checkpoints.bytes - before)
    uploaded = checkpoint.names
    checkpointed = position
    checkpointedAt = context.clock.now()
    storage.removeLocally(except: checkpoint.names)
    if checkpointedAt - sweptAt >= JoinShard.sweepEvery {
      sweptAt = checkpointedAt
      _ = try storage.sweep(grace: JoinShard.sweepGrace)
    }
  }

  /// Puts those into the store that are not there.
  private func upload(_ names: Set<String>) throws {
    for name in names.subtracting(uploaded).sorted() {
      try storage.upload(name)
      checkpoints.bytes += segments.refs.first { $0.name == name }?.bytes ?? 0
      uploaded.insert(name)
    }
  }

  private func named(_ ref: SegmentRef) throws -> Checkpoint.Segment {
    guard let name = ref.name else { throw StreamError("a segment of shard \(shard) has no file; this is a bug") }
    return Checkpoint.Segment(name: name, bytes: ref.bytes, dead: ref.dead.sorted())
  }
}
