internal import CRDKafka
internal import Dispatch
internal import Synchronization

/// What one call of `append` waits for: a slot a message, in one allocation. Each message's opaque pointer is its slot.
///
/// A slot is written by the thread that polls deliveries, once, and read after `wait`; the semaphore orders the two.
/// Whoever counts the last message down also lets go of the retain that stands for all messages in flight, so the
/// slots outlive every delivery report, whatever the caller does.
final class AppendTracker: @unchecked Sendable {
  struct Slot {
    let tracker: Unmanaged<AppendTracker>
    var offset: Int64
    var code: rd_kafka_resp_err_t
  }

  let count: Int
  private let slots: UnsafeMutablePointer<Slot>
  private let outstanding: Atomic<Int>
  private let done = DispatchSemaphore(value: 0)

  /// `count` > 0.
  init(count: Int) {
    precondition(count > 0)
    self.count = count
    outstanding = Atomic(count)
    slots = .allocate(capacity: count)
    let inFlight = Unmanaged.passRetained(self)
    slots.initialize(repeating: Slot(tracker: inFlight, offset: -1, code: RD_KAFKA_RESP_ERR_NO_ERROR), count: count)
  }

  deinit { slots.deallocate() }

  func opaque(_ index: Int) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(slots + index) }

  /// The messages from `index` on were never handed over.
  func abandon(from index: Int) {
    if index < count { Self.finish(Unmanaged.passUnretained(self), count - index) }
  }

  func wait() { done.wait() }

  /// After ``wait()``: the first message that failed.
  func firstFailure() -> (index: Int, code: rd_kafka_resp_err_t)? {
    for index in 0..<count where slots[index].code != RD_KAFKA_RESP_ERR_NO_ERROR { return (index, slots[index].code) }
    return nil
  }

  /// After ``wait()``.
  func offsets() -> [Int64] { (0..<count).map { slots[$0].offset } }

  /// A delivery report. No reference is counted: this runs once a message.
  static func deliver(_ message: UnsafePointer<rd_kafka_message_t>) {
    guard let opaque = message.pointee._private else { return }
    let slot = opaque.assumingMemoryBound(to: Slot.self)
    slot.pointee.offset = message.pointee.offset
    slot.pointee.code = message.pointee.err
    finish(slot.pointee.tracker, 1)
  }

  private static func finish(_ tracker: Unmanaged<AppendTracker>, _ messages: Int) {
    let isLast = tracker._withUnsafeGuaranteedRef {
      $0.outstanding.subtract(messages, ordering: .acquiringAndReleasing).newValue == 0
    }
    guard isLast else { return }
    let last = tracker.takeRetainedValue()
    last.done.signal()
  }
}
