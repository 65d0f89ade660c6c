import Definition
import Logging
import Platform
import S3
import Worker

/// Carries notifications from the queue that a definition names to the topic of events.
struct QueueFeed: EventFeed {
  private let pump: SQSPump
  private let log: Log

  /// nil for a definition without a queue.
  init?(_ definition: Definition, broker: any Broker, log: Log) throws(StoreError) {
    guard case .sqs(let url) = definition.events else { return nil }
    let options = S3Options(region: definition.store.region, profile: definition.store.profile)
    pump = SQSPump(queue: try SQSQueue(url: url, options: options), broker: broker)
    self.log = log
  }

  func step() throws -> Bool {
    let outcome: SQSPump.Outcome
    do {
      outcome = try pump.step()
    } catch {
      switch error {
      case .queue(let error): throw error
      case .broker(let error): throw error
      }
    }
    if !outcome.tooLarge.isEmpty {
      log.warning(
        "messages are larger than the broker takes; they stay in the queue",
        ["messages": .init(outcome.tooLarge.count), "first": .init(outcome.tooLarge[0])])
    }
    if let refused = outcome.undeleted.first {
      log.warning(
        "the queue does not delete messages that were carried over; they come again",
        ["messages": .init(outcome.undeleted.count), "reason": .init(refused.message)])
    }
    return outcome.received > 0
  }

  func cancel() { pump.cancel() }
}
