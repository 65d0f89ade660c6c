internal import Definition
internal import Logging
internal import Pipeline
internal import Platform
internal import Threads

/// What goes wrong with objects: tried again, or set aside once that was of no use.
extension ObjectIngest {
  func failed(_ task: ObjectTask, _ error: any Error) throws {
    switch error {
    case let error as ObjectReading.Failure: fail(task, error)
    case let error as StoreError: fail(task, .store(error))
    case let error as StreamError: fail(task, .unreadable(error.description))
    case let error as BrokerError:
      context.log.warning("cannot send rows; will try again", ["error": .init(error.description)])
      lock.withLock {
        trouble = error.description
        again(task, after: ObjectIngest.backoffFirst)
      }
    default: throw error
    }
  }

  func failed(_ attempt: ObjectAttempt, _ error: any Error) throws {
    guard error is BrokerError || error is StoreError else { throw error }
    context.log.warning("cannot commit; will try again", ["error": .init("\(error)")])
    lock.withLock {
      trouble = "\(error)"
      for task in attempt.tasks { again(task, after: ObjectIngest.backoffFirst) }
    }
  }

  /// Tries again later, or sets the object aside.
  func fail(_ task: ObjectTask, _ failure: ObjectReading.Failure) {
    let backoff = min(
      ObjectIngest.backoffMax, ObjectIngest.backoffFirst << Int64(min(task.tries + task.delays, 10)))
    let reason: String
    switch failure {
    case .changed:
      // Once it is looked at again at once; one that changes all the time, or whose store contradicts itself, waits.
      task.delays += 1
      lock.withLock { again(task, after: task.delays == 1 ? 0 : backoff) }
      return
    case .store(let error):
      // A store that is away comes back; what it refuses, it may refuse for ever.
      if error.code == .unavailable || error.code == .full {
        context.log.warning("the store does not answer; will try again", ["error": .init(error.description)])
        task.delays += 1
        lock.withLock {
          trouble = error.description
          again(task, after: backoff)
        }
        return
      }
      reason = error.description
    case .unreadable(let message): reason = message
    }
    task.tries += 1
    // It is aside already, and nothing new is known of it: said once is enough.
    if let failed = context.ledger.read({ $0.failed[task.identity] }), failed.version == task.version,
      failed.schema == schema(task), !task.again || task.tries >= context.options.triesMax
    {
      lock.withLock { queue.finish(task) }
      return
    }
    context.log.warning(
      "cannot read an object",
      [
        "input": .init(task.identity.location), "source": .init(task.identity.source), "reason": .init(reason),
        "try": .init("\(task.tries)"),
      ]
    )
    if task.tries < context.options.triesMax {
      lock.withLock { again(task, after: backoff) }
      return
    }
    let failed = context.ledger.read { $0.failed[task.identity] }
    if let failed, failed.version == task.version, failed.schema == schema(task), failed.reason == reason {
      // Whoever lists the store speaks of it again and again: the ledger knows already.
      lock.withLock { queue.finish(task) }
      return
    }
    let attempt = ObjectAttempt(source: task.source, tasks: [task])
    attempt.setsAside = reason
    lock.withLock { queue.staged.append(attempt) }
  }

  func schema(_ task: ObjectTask) -> String { context.plan.sources[task.source].schemaHash }
}
