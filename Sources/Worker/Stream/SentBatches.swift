internal import Pipeline

/// What this worker has sent to `rows`: what a shard that gets it here need not decode to know.
///
/// A message with the hash that it was sent with, whether it was fetched or not, holds the rows that were sent: how many, and their
/// checksum (I3). Where that is not known (another worker sent it, or this one before it began anew, or it was too long ago)
/// the message is decoded. Bounded: the oldest attempts are forgotten first. Thread-safe.
final class SentBatches: Sendable {
  struct Batch: Equatable {
    /// The hash that the batch's bytes carry.
    var hash: UInt64
    var rows: Int
    var checksum: UInt64
  }

  private struct Place: Hashable {
    var shard: Int
    var number: Int
  }

  private struct State {
    var attempts: [AttemptID: [Place: Batch]] = [:]
    /// In order of their first batches; some of them may be gone.
    var order: [AttemptID] = []
    var count = 0
  }

  private let state = Locked(State())
  private let countMax: Int

  init(countMax: Int = 1 << 16) { self.countMax = countMax }

  var count: Int { state.withLock { $0.count } }

  func note(_ attempt: AttemptID, shard: Int, number: Int, _ batch: Batch) {
    state.withLock { state in
      if state.attempts[attempt] == nil { state.order.append(attempt) }
      if state.attempts[attempt, default: [:]].updateValue(batch, forKey: Place(shard: shard, number: number)) == nil {
        state.count += 1
      }
      var dropped = 0
      while state.count > countMax, dropped < state.order.count {
        state.count -= state.attempts.removeValue(forKey: state.order[dropped])?.count ?? 0
        dropped += 1
      }
      if dropped > 0 { state.order.removeFirst(dropped) }
    }
  }

  /// Each is wanted once: a shard that asks again decodes.
  func take(_ attempt: AttemptID, shard: Int, number: Int) -> Batch? {
    state.withLock { state in
      guard let batch = state.attempts[attempt]?.removeValue(forKey: Place(shard: shard, number: number)) else {
        return nil
      }
      state.count -= 1
      if state.attempts[attempt]?.isEmpty == true {
        state.attempts[attempt] = nil
        if state.order.count > 2 * state.attempts.count + 16 { state.order.removeAll { state.attempts[$0] == nil } }
      }
      return batch
    }
  }
}
