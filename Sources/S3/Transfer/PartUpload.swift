internal import Platform
internal import Threads

/// Uploads one part of a multipart upload.
final class PartUpload: @unchecked Sendable {
  // Sendable: all that changes is written within the lock; `body` is read by the thread that runs it only.
  private(set) var isDone = false
  private(set) var failure: S3Failure?
  /// The part's entity tag, once done.
  private(set) var tag = ""

  private let client: S3Client
  private let number: Int
  private let lock: ConditionLock
  private let cancellation: Cancellation
  private var call: S3Call

  init(
    client: S3Client, call: S3Call, number: Int, uploadID: String, body: [UInt8], lock: ConditionLock,
    cancellation: Cancellation
  ) {
    self.client = client
    self.number = number
    self.lock = lock
    self.cancellation = cancellation
    self.call = call
    self.call.query = [("partNumber", String(number)), ("uploadId", uploadID)]
    self.call.body = body
  }

  /// Gives the number of bytes that the part held.
  func run() -> Int {
    let bytes = call.body?.count ?? 0
    var failed: S3Failure?
    var found = ""
    do throws(S3Failure) {
      found = try client.perform(
        cancellation: cancellation, { [call] in call },
        read: { response throws(MalformedAnswer) in
          guard let tag = entityTag(response.header("etag")) else {
            throw MalformedAnswer(description: "the answer to part \(number) holds no entity tag")
          }
          return tag
        })
    } catch {
      failed = error
    }
    lock.withLock {
      call.body = nil
      tag = found
      failure = failed
      isDone = true
      lock.wakeAll()
    }
    return bytes
  }

  func waitForEnd() {
    lock.withLock { while !isDone { lock.wait() } }
  }

  func wait() throws(S3Failure) {
    waitForEnd()
    // Nothing writes after the end, which was just seen within the lock.
    if let failure { throw failure }
  }
}
