internal import Pipeline
internal import Platform
internal import Threads

/// Looking: what is there now, and whether the ledger has it already.
extension ObjectIngest {
  func look(_ tasks: [ObjectTask]) {
    var found: [ObjectTask] = []
    var done: [ObjectTask] = []
    for task in tasks {
      lock.withLock { task.isDirty = false }
      // Before the look: whatever is accepted from here on makes the observation stale, and the entry is refused.
      let schema = schema(task)
      let (accepted, failed, isCurrent) = context.ledger.read { fold in
        let held = fold.objects[task.identity]
        return (
          held, fold.failed[task.identity],
          held.map { fold.schemas.isCurrent($0, of: task.identity.source, schema: schema) } ?? false
        )
      }
      task.base = accepted?.position
      task.info = nil
      do {
        task.info = try head(task)
      } catch {
        task.info = nil
        fail(task, .store(error))
        continue
      }
      let version = task.info.map { ObjectVersion.text(of: $0) }
      // What is accepted is read again where another version is set aside behind it: that clears it.
      let isAccepted = accepted.map { $0.version == version && (version == nil || isCurrent) } ?? false
      let isKnown =
        isAccepted && failed == nil
        || (version != nil && failed?.version == version && failed?.schema == schema)
      if isKnown && !task.again { done.append(task) } else { found.append(task) }
    }
    lock.withLock {
      queue.looking -= 1
      for task in found { queue.looked[task.source].append(task) }
      for task in done {
        counters.objectsSkipped += 1
        queue.finish(task)
      }
    }
  }

  private func head(_ task: ObjectTask) throws(StoreError) -> ObjectInfo? {
    let location = task.identity.bucket.isEmpty ? task.identity.key : "s3://\(task.identity.bucket)/"
    let place = try context.stores.open(location)
    do {
      var info = try place.store.head(task.identity.key)
      // The place's own spelling, as the listing has it.
      info.bucket = task.identity.bucket
      info.key = task.identity.key
      // `head` gives a small file its content's hash; a listing does not, and versions must compare.
      if info.bucket.isEmpty { info.etag = nil }
      return info
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
  }
}
