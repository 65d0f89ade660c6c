internal import Digests
public import Platform
internal import Threads

/// A bucket as a store of objects. Thread-safe; all calls block and retry by themselves.
public struct S3Store: ObjectStore {
  public let bucket: String
  let session: S3Session

  /// A bucket of a session; stores of one session share credentials, connections, threads and memory.
  public init(bucket: String, session: S3Session) {
    self.bucket = bucket
    self.session = session
  }

  /// A bucket with a session of its own.
  public init(bucket: String, options: S3Options = S3Options()) throws(StoreError) {
    self.init(bucket: bucket, session: try S3Session(options: options))
  }

  public func head(_ key: String) throws(StoreError) -> ObjectInfo {
    do throws(S3Failure) {
      return try description(of: key).info
    } catch {
      throw error.error
    }
  }

  /// Asks for nothing yet: absence and refusal come with the first `read`.
  public func open(_ info: ObjectInfo) throws(StoreError) -> any ObjectReader {
    var pinned = info
    pinned.bucket = bucket
    return S3Reader(session: session, info: pinned)
  }

  /// One request, whatever the range's length.
  public func bytes(_ info: ObjectInfo, _ range: Range<Int64>) throws(StoreError) -> [UInt8] {
    var pinned = info
    pinned.bucket = bucket
    let fetch = RangeFetch(
      client: session.client, pin: ObjectPin(pinned), start: range.lowerBound, count: range.count, isBudgeted: false,
      lock: ConditionLock(), cancellation: Cancellation())
    fetch.run()
    do throws(S3Failure) {
      try fetch.wait()
    } catch {
      guard error.isMissingBucket else { throw error.error }
      // It was there when the object was written.
      throw StoreError(
        .unavailable, operation: "GET", location: error.error.location, message: error.error.message,
        hint: error.error.hint)
    }
    return Array(fetch.bytes)
  }

  public func delete(_ key: String) throws(StoreError) {
    do throws(S3Failure) {
      _ = try session.client.perform {
        S3Call(operation: "DELETE", method: "DELETE", bucket: bucket, key: key)
      }
    } catch {
      if error.error.code == .notFound, !error.isMissingBucket { return }
      throw error.error
    }
  }

  /// HEAD, with the mark that this program's writers leave.
  func description(of key: String) throws(S3Failure) -> (info: ObjectInfo, mark: String?) {
    try session.client.perform(
      { S3Call(operation: "HEAD", method: "HEAD", bucket: bucket, key: key) },
      read: { response throws(MalformedAnswer) in
        guard let info = ObjectInfo(response, bucket: bucket, key: key) else {
          throw MalformedAnswer(description: "the answer to HEAD holds no length")
        }
        return (info, response.header(WriteMark.header))
      })
  }

  /// Server-side encryption, on requests that begin an object.
  var encryptionHeaders: [(name: String, value: String)] {
    guard let encryption = session.options.encryption else { return [] }
    var headers = [(name: "x-amz-server-side-encryption", value: encryption)]
    if let key = session.options.kmsKey {
      headers.append(("x-amz-server-side-encryption-aws-kms-key-id", key))
    }
    return headers
  }
}

/// A random name for one attempt at a conditional write, kept in the object's metadata.
///
/// When the answer to a conditional write is lost, the repeated request finds the object there and is refused (412). The
/// mark tells whether the object there is the writer's own. Comparing contents would not do: two writers of the same bytes
/// would both believe to have won.
enum WriteMark {
  static let header = "x-amz-meta-tributary-write"

  static func random() -> String { SHA256.hex((0..<16).map { _ in UInt8.random(in: 0...255) }) }
}

extension S3Failure {
  var isMissingBucket: Bool { error.code == .notFound && error.message.hasPrefix("the bucket") }
}
