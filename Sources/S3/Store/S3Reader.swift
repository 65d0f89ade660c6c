internal import Platform
internal import Threads

/// Reads one object version: a small one with one request, a large one in ranges of which several are under way.
///
/// ```
///            consumed │ head │ ahead │ ahead │ ahead │ not asked for yet
/// read(into:) ────────▶ waits for the head only
/// ```
/// Memory: at most `rangesAhead` ranges, and of all readers of a session together at most its budget and one range each.
final class S3Reader: ObjectReader, @unchecked Sendable {
  // Sendable: one thread at a time, as the protocol demands; the fetches synchronise by the lock.
  private let session: S3Session
  private let pin: ObjectPin
  private let lock = ConditionLock()
  private let cancellation = Cancellation()
  private var window: [RangeFetch] = []
  private var consumedOfHead = 0
  private var consumed: Int64 = 0
  private var asked: Int64 = 0
  private var hasAsked = false
  private var rangeBytes: Int
  private var rangesAhead: Int
  private var failure: S3Failure?

  private static let rangeBytesMaxWithoutRanges = 64 << 20

  init(session: S3Session, info: ObjectInfo) {
    self.session = session
    pin = ObjectPin(info)
    rangeBytes = session.options.rangeBytes
    rangesAhead = max(1, session.options.rangesAhead)
  }

  deinit {
    cancellation.cancel()
    for fetch in window where fetch.isBudgeted { session.budget.giveBack(fetch.bytes.count) }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    do throws(S3Failure) {
      return try fill(buffer)
    } catch {
      throw error.error
    }
  }

  /// Fills all of `buffer`, or fails.
  func readAll(into buffer: UnsafeMutableRawBufferPointer) throws(S3Failure) {
    var filled = 0
    while filled < buffer.count {
      let count = try fill(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      guard count > 0 else { return }
      filled += count
    }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(S3Failure) -> Int {
    if let failure { throw failure }
    if buffer.isEmpty { return 0 }
    while true {
      askAhead()
      guard let head = window.first else { return 0 }
      do throws(S3Failure) {
        try head.wait()
      } catch {
        failure = explained(error)
        throw explained(error)
      }
      if head.ignoredRange {
        // Each further range costs the server the bytes before it again: fewer and larger ones.
        rangesAhead = 1
        rangeBytes = max(rangeBytes, Self.rangeBytesMaxWithoutRanges)
      }
      let left = head.bytes.count - consumedOfHead
      if left > 0 {
        let count = min(left, buffer.count)
        let source = UnsafeRawBufferPointer(rebasing: head.bytes[consumedOfHead..<(consumedOfHead + count)])
        buffer.copyMemory(from: source)
        consumedOfHead += count
        consumed += Int64(count)
        return count
      }
      window.removeFirst()
      consumedOfHead = 0
      if head.isBudgeted { session.budget.giveBack(head.bytes.count) }
    }
  }

  private func askAhead() {
    while window.count < rangesAhead, asked < pin.info.size || !hasAsked {
      let count = Int(min(Int64(rangeBytes), max(0, pin.info.size - asked)))
      // The head is free; what is ahead of it must be paid for.
      let isBudgeted = !window.isEmpty
      if isBudgeted, !session.budget.take(count) { return }
      let fetch = RangeFetch(
        client: session.client, pin: pin, start: asked, count: count, isBudgeted: isBudgeted,
        lock: lock,
        cancellation: cancellation)
      asked += Int64(count)
      hasAsked = true
      window.append(fetch)
      if count == pin.info.size {
        // A small object: the caller would only wait for another thread.
        fetch.run()
      } else {
        session.threads.run { fetch.run() }
      }
    }
  }

  /// An object that vanishes between two of its ranges was replaced or removed, which is not plain absence.
  private func explained(_ failure: S3Failure) -> S3Failure {
    guard failure.error.code == .notFound, !failure.isMissingBucket, consumed > 0 else {
      guard failure.status == 412 || failure.status == 416 else { return failure }
      return renamed(failure, "the object is not the version that was asked for")
    }
    return renamed(failure, "the object was removed while it was read")
  }

  private func renamed(_ failure: S3Failure, _ message: String) -> S3Failure {
    var changed = failure
    changed.error = StoreError(
      .changed, operation: failure.error.operation, location: failure.error.location, message: message)
    return changed
  }
}
