internal import Notifications
public import Platform
internal import Threads

/// Carries notifications from a queue into the topic of events, from where workers read them like all others.
///
/// A message is deleted only after the broker has acknowledged its copy, so a crash at any moment repeats it at worst, and
/// a repeated notification changes nothing. While an append takes long, the messages' visibility is extended, so that no
/// other pump carries them too. One thread calls ``step()`` again and again; several pumps may share a queue.
public final class SQSPump: Sendable {
  public struct Options: Sendable, Hashable {
    public var topic = DatasetTopics.events
    /// How long the queue waits for a first message.
    public var waitSeconds = SQSQueue.waitSecondsMax
    /// How long others do not see a message. Extended at each third of it.
    public var visibilitySeconds = 60
    public init() {}
  }

  /// What one step did.
  public struct Outcome: Sendable, Hashable {
    public var received = 0
    public var deleted = 0
    /// Copied, but the queue would not delete them: they come again, and are then copied again.
    public var undeleted: [SQSRefusal] = []
    /// Ids of messages that are larger than the broker takes. They stay in the queue, whose redrive policy moves them to
    /// its dead letters.
    public var tooLarge: [String] = []
  }

  /// Which side failed. Messages that were received come again when their visibility ends.
  public enum Failure: Error, Sendable, CustomStringConvertible {
    case queue(StoreError)
    case broker(BrokerError)

    public var description: String {
      switch self {
      case .queue(let error): error.description
      case .broker(let error): error.description
      }
    }
  }

  private let queue: SQSQueue
  private let broker: any Broker
  private let options: Options

  public init(queue: SQSQueue, broker: any Broker, options: Options = Options()) {
    self.queue = queue
    self.broker = broker
    self.options = options
  }

  /// Receives up to ten messages (waiting for the first), appends their bodies and deletes them.
  public func step() throws(Failure) -> Outcome {
    var outcome = Outcome()
    let messages: [SQSMessage]
    do throws(StoreError) {
      messages = try queue.receive(waitSeconds: options.waitSeconds, visibilitySeconds: options.visibilitySeconds)
    } catch {
      throw .queue(error)
    }
    outcome.received = messages.count
    if messages.isEmpty { return outcome }
    let appended: [SQSMessage]
    do throws(BrokerError) {
      let keeper = VisibilityKeeper(queue, messages, seconds: options.visibilitySeconds)
      defer { keeper.stop() }
      appended = try append(messages, &outcome)
    } catch {
      throw .broker(error)
    }
    do throws(StoreError) {
      outcome.undeleted = try queue.delete(appended)
    } catch {
      throw .queue(error)
    }
    outcome.deleted = appended.count - outcome.undeleted.count
    return outcome
  }

  /// Ends a step under way as soon as its append is done, and all later ones.
  public func cancel() { queue.cancel() }

  /// Appends all together; if one is too large, each by itself. Gives those that are there.
  private func append(_ messages: [SQSMessage], _ outcome: inout Outcome) throws(BrokerError) -> [SQSMessage] {
    do throws(BrokerError) {
      _ = try broker.append(messages.map(outgoing))
      return messages
    } catch {
      guard error.code == .tooLarge else { throw error }
    }
    var appended: [SQSMessage] = []
    for message in messages {
      do throws(BrokerError) {
        _ = try broker.append([outgoing(message)])
        appended.append(message)
      } catch {
        guard error.code == .tooLarge else { throw error }
        outcome.tooLarge.append(message.id)
      }
    }
    return appended
  }

  private func outgoing(_ message: SQSMessage) -> OutgoingMessage {
    OutgoingMessage(
      topic: options.topic, partition: nil, key: NotificationParser.messageKey(of: message.body), value: message.body)
  }
}

/// Extends messages' visibility in the background until it is stopped. On a thread of its own, not one of the session's: these
/// are for jobs that end by themselves. Where the system gives none, messages that take long are handed out again.
private final class VisibilityKeeper: Sendable {
  /// Its own: the queue's must not end with the step.
  private let cancellation = Cancellation()

  init(_ queue: SQSQueue, _ messages: [SQSMessage], seconds: Int) {
    let cancellation = cancellation
    let environment = queue.session.client.environment
    let thread = SystemThread.ifAny {
      while environment.sleep(max(1, seconds) * 1000 / 3, cancellation) {
        // What cannot be extended is handed out again, and its copy changes nothing.
        _ = try? queue.changeVisibility(messages, seconds: seconds, cancellation)
      }
    }
    thread?.detach()
  }

  func stop() { cancellation.cancel() }
}
