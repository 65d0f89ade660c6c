internal import Platform
internal import Threads

/// Builds one object: a small one with one PUT at the end, a large one in parts that go up while the next is being filled.
///
/// ```
/// filling ──finish──▶ PUT ──▶ finished
///    │ first part full
///    ▼
/// uploading ──finish──▶ all parts there ──Complete──▶ finished
///    └──abort, failure, deinit──▶ AbortMultipartUpload ──▶ given up
/// ```
/// Memory: one part being filled and at most `partsAhead` under way.
final class S3Writer: ObjectWriter, @unchecked Sendable {
  // Sendable: one thread at a time, as the protocol demands; the uploads synchronise by the lock.
  private let store: S3Store
  private let key: String
  private let condition: PutCondition
  private let mark = WriteMark.random()
  private let lock = ConditionLock()
  private let cancellation = Cancellation()
  private var buffer: [UInt8] = []
  private var uploadID: String?
  private var parts: [PartUpload] = []
  private var isClosed = false

  private static let abortAttemptsMax = 3

  init(store: S3Store, key: String, condition: PutCondition) {
    self.store = store
    self.key = key
    self.condition = condition
  }

  deinit { abort() }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    guard !isClosed else { throw misuse() }
    var rest = bytes[...]
    while !rest.isEmpty {
      let size = PartPlan.bytes(ofPart: parts.count + 1, first: store.session.options.partBytes)
      if buffer.isEmpty { buffer.reserveCapacity(min(size, max(rest.count, 1 << 20))) }
      let count = min(rest.count, size - buffer.count)
      buffer.append(contentsOf: rest.prefix(count))
      rest = rest.dropFirst(count)
      // A full part goes up only when more follows: an object of just one part's size needs one request.
      if buffer.count == size, !rest.isEmpty { try sendPart() }
    }
  }

  func finish() throws(StoreError) { _ = try complete() }

  /// Makes the object visible; gives its entity tag.
  func complete() throws(StoreError) -> String? {
    guard !isClosed else { throw misuse() }
    guard uploadID != nil else {
      isClosed = true
      defer { buffer = [] }
      return try store.putWhole(key, buffer, condition: condition)
    }
    if !buffer.isEmpty { try sendPart() }
    do throws(S3Failure) {
      for part in parts { try part.wait() }
    } catch {
      abort()
      throw error.error
    }
    return try completeUpload()
  }

  func abort() {
    if isClosed { return }
    isClosed = true
    buffer = []
    guard let uploadID else { return }
    cancellation.cancel()
    // A part that arrives behind the abort would stay and be paid for.
    for part in parts { part.waitForEnd() }
    parts = []
    // Best effort: nothing of it is visible, and the error that led here is the one to report.
    _ = try? store.session.client.perform(attemptsMax: Self.abortAttemptsMax) {
      call("DELETE", query: [("uploadId", uploadID)])
    }
  }

  // MARK: Parts

  private func sendPart() throws(StoreError) {
    do throws(S3Failure) {
      if uploadID == nil { try createUpload() }
      guard let uploadID else { return }
      guard parts.count < PartPlan.partsMax else { throw S3Failure(error: tooLarge()) }
      let isBudgeted = try waitForRoom(buffer.count)
      let part = PartUpload(
        client: store.session.client, call: call("PUT", query: []), number: parts.count + 1,
        uploadID: uploadID,
        body: buffer, lock: lock, cancellation: cancellation)
      buffer = []
      parts.append(part)
      let budget = store.session.budget
      store.session.threads.run {
        let bytes = part.run()
        if isBudgeted { budget.giveBack(bytes) }
      }
    } catch {
      abort()
      throw error.error
    }
  }

  /// Waits until another part may go up; says whether the session's budget paid for it.
  private func waitForRoom(_ bytes: Int) throws(S3Failure) -> Bool {
    while true {
      let (underWay, failed) = lock.withLock {
        (parts.count { !$0.isDone }, parts.first { $0.failure != nil })
      }
      if let failed { try failed.wait() }
      if underWay == 0 { return false }
      if underWay < max(1, store.session.options.partsAhead), store.session.budget.take(bytes) { return true }
      lock.withLock {
        while parts.count(where: { !$0.isDone }) >= underWay { lock.wait() }
      }
    }
  }

  private func createUpload() throws(S3Failure) {
    var create = call("POST", query: [("uploads", "")])
    create.headers =
      store.encryptionHeaders + [("Content-Type", "application/octet-stream"), (WriteMark.header, mark)]
    create.body = []
    uploadID = try store.session.client.perform(
      { create }, read: { response throws(MalformedAnswer) in try readUploadID(response.body) })
  }

  private func completeUpload() throws(StoreError) -> String? {
    guard let uploadID else { return nil }
    var complete = call("POST", query: [("uploadId", uploadID)])
    complete.headers = [("Content-Type", "application/xml")] + condition.headers
    complete.body = Array(PartPlan.completion(parts.map(\.tag)).utf8)
    complete.isSlow = true
    do throws(S3Failure) {
      let tag = try store.session.client.perform(
        { complete }, read: { response throws(MalformedAnswer) in try readCompletedTag(response.body) })
      isClosed = true
      return tag
    } catch {
      // When the answer was lost, the repeated request finds no upload any more.
      if let found = try store.ownWrite(after: error, key: key, mark: mark, content: nil) {
        isClosed = true
        return found
      }
      abort()
      throw condition.meaning(of: error)
    }
  }

  private func call(_ method: String, query: [(name: String, value: String)]) -> S3Call {
    S3Call(operation: "PUT", method: method, bucket: store.bucket, key: key, query: query)
  }

  private func tooLarge() -> StoreError {
    StoreError(
      .other, operation: "PUT", location: "s3://\(store.bucket)/\(key)",
      message: "the object needs more than \(PartPlan.partsMax) parts", hint: "write several smaller objects")
  }

  private func misuse() -> StoreError {
    StoreError(
      .other, operation: "PUT", location: "s3://\(store.bucket)/\(key)",
      message: "the object was finished or given up before")
  }
}
