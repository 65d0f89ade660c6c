internal import Pipeline
internal import Platform
internal import Threads

/// Retained inputs: rows that segments still hold, of inputs that are gone where they came from.
extension IngestEngine {
  func fetchRetained(_ attempt: Attempt) {
    guard let retained else { return stop("there are no segments to read from") }
    do {
      let missing = try retained.read(attempt.all, plan.sources[attempt.source]) { batch in
        deliver(.rows(batch), attempt)
      }
      _ = deliver(.endOfAttempt(unread: missing), attempt)
    } catch {
      stop("\(error)")
    }
  }

  /// Deals rows out as they are. By the one thread that holds `advancing`.
  func take(_ batch: RowBatch, _ attempt: Attempt) {
    guard batch.shard < plan.shards else {
      return stop("a segment holds rows of shard \(batch.shard), and there are \(plan.shards); it is damaged")
    }
    lock.withLock {
      queue([batch], attempt)
      counters.rows += UInt64(batch.count)
    }
  }
}
