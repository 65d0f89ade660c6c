internal import Definition
internal import Metrics
internal import Pipeline
internal import Platform
internal import Threads

/// Committing: an attempt's entry goes into the ledger, and its verdict says what comes of the objects.
extension ObjectIngest {
  func append(_ attempt: ObjectAttempt) throws {
    do {
      if let reason = attempt.setsAside, let task = attempt.tasks.first {
        let version = task.version
        try DeadLetterSender.object(context, task.identity, version: version, reason: reason, tries: task.tries)
        let entry = LedgerEntry.setAside(
          task.identity, version: version, reason: reason, schema: schema(task))
        attempt.offset = try LedgerWriter.append(entry, to: context.broker, context.topics.ledger)
      } else if let commit = attempt.commit {
        attempt.offset = try LedgerWriter.append(.commit(commit), to: context.broker, context.topics.ledger)
      }
    } catch {
      // It may be in the ledger all the same: then the next look finds its version accepted.
      try failed(attempt, error)
      return
    }
    if let offset = attempt.offset { context.ledger.expect(offset) }
    lock.withLock { queue.appended.append(attempt) }
  }

  func settle(_ attempt: ObjectAttempt, _ verdict: LedgerFold.Verdict) {
    if let offset = attempt.offset { context.ledger.forget(offset) }
    lock.withLock {
      guard case .inputs(let verdicts) = verdict else {
        // Set aside; or a commit whose verdict is not known, which the next look will tell.
        for task in attempt.tasks { if attempt.setsAside != nil { queue.finish(task) } else { again(task, after: 0) } }
        return
      }
      let source = context.plan.sources[attempt.source].source.name
      for (index, (task, accepted)) in zip(attempt.tasks, verdicts).enumerated() {
        context.metrics.inputsCommitted(source: source, accepted ? .accepted : .refused).increment()
        if accepted {
          for (reason, rows) in attempt.commit?.inputs[index].facts?.reasons ?? [:] {
            context.metrics.rowsRejected(source: source, reason: reason).increment(by: rows)
          }
          if task.isRepair { context.metrics.repairedInputs.increment() }
          counters.objectsAccepted += 1
          if task.isRepair { counters.repaired += 1 }
          task.again = false
          queue.finish(task)
        } else {
          counters.objectsRefused += 1
          again(task, after: 0)
        }
      }
    }
  }
}
