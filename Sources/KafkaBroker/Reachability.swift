internal import CRDKafka
internal import Platform

/// Tells a reader whose broker is gone, which librdkafka by itself would wait for for ever.
///
/// All brokers have to be down for a while, and then one more question has to go unanswered: an idle topic says nothing
/// either when its broker is back.
struct Reachability {
  static let patienceMilliseconds: Int64 = 10_000
  private static let pauseMilliseconds: Int64 = 2_000
  private var askedAt: Int64?

  init() {}

  /// Call when a poll gave nothing.
  mutating func check(_ handle: ClientHandle, _ operation: String) throws(BrokerError) {
    guard let since = handle.context.downSince else { return }
    let now = monotonicMilliseconds()
    let patience = min(Self.patienceMilliseconds, Int64(handle.context.settings.requestMilliseconds))
    guard now - since >= patience, now - (askedAt ?? .min / 2) >= Self.pauseMilliseconds else { return }
    askedAt = now
    try handle.checkReachable(operation, milliseconds: 1000)
  }
}
