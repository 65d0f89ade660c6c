internal import Platform
internal import Synchronization
internal import Threads

/// Fetches one range of one object version into memory, going on where a broken body ended.
///
/// Every response is checked to be of the pinned version, of the range that was asked for and of the expected length, before
/// a byte of it is kept. A server that answers a range with the whole object (200) costs time but is read rightly.
final class RangeFetch: @unchecked Sendable {
  // Sendable: written by the thread that runs it; read by others only after they saw `isDone` within the lock.
  let bytes: UnsafeMutableRawBufferPointer
  /// Whether the session's budget paid for it.
  let isBudgeted: Bool
  private let client: S3Client
  private let pin: ObjectPin
  private let start: Int64
  private let cancellation: Cancellation
  private let lock: ConditionLock
  private var isDone = false
  private var failure: S3Failure?
  /// The server answered a range with the whole object.
  private(set) var ignoredRange = false

  init(
    client: S3Client, pin: ObjectPin, start: Int64, count: Int, isBudgeted: Bool, lock: ConditionLock,
    cancellation: Cancellation
  ) {
    self.client = client
    self.pin = pin
    self.start = start
    self.isBudgeted = isBudgeted
    self.lock = lock
    self.cancellation = cancellation
    bytes = .allocate(byteCount: count, alignment: 64)
  }

  deinit { bytes.deallocate() }

  func run() {
    let sink = BodySink(target: bytes) { [self] response, filled in
      destination(response, offset: start + Int64(filled))
    }
    var failed: S3Failure?
    do throws(S3Failure) {
      _ = try client.perform(into: sink, cancellation: cancellation) {
        call(offset: start + Int64(sink.filled))
      }
    } catch {
      failed = error
    }
    lock.withLock {
      failure = failed
      isDone = true
      lock.wakeAll()
    }
  }

  /// Waits for the end of ``run()``.
  func wait() throws(S3Failure) {
    let failed = lock.withLock {
      while !isDone { lock.wait() }
      return failure
    }
    if let failed { throw failed }
  }

  private func call(offset: Int64) -> S3Call {
    var call = S3Call(operation: "GET", method: "GET", bucket: pin.info.bucket, key: pin.info.key)
    if let version = pin.info.version {
      call.query = [("versionId", version)]
    } else if let tag = pin.info.etag {
      call.headers.append(("If-Match", "\"\(tag)\""))
    }
    let end = start + Int64(bytes.count)
    // A whole object is asked for without a range, unless a part of it is there already.
    if offset > 0 || end < pin.info.size { call.headers.append(("Range", "bytes=\(offset)-\(end - 1)")) }
    return call
  }

  private func destination(_ response: HTTPResponse, offset: Int64) -> BodySink.Destination {
    switch response.status {
    case 206:
      guard let range = ContentRange(response.header("content-range") ?? "") else {
        return .refused(.init(code: .protocolViolation, message: "the answer's Content-Range cannot be read"))
      }
      if let total = range.total, total != pin.info.size {
        return .refused(changed("its size is \(total) now"))
      }
      guard range.first == offset, range.last < start + Int64(bytes.count) else {
        return .refused(
          .init(
            code: .protocolViolation,
            message: "bytes \(range.first)-\(range.last) came, \(offset) was asked for"))
      }
    case 200:
      if let length = response.header("content-length"), Int64(length) != pin.info.size {
        return .refused(changed("its size is \(length.prefix(20)) now"))
      }
      ignoredRange = ignoredRange || pin.info.size > Int64(bytes.count)
    default: return .collected
    }
    if let tag = entityTag(response.header("etag")), !pin.accepts(tag) {
      return .refused(changed("its entity tag is another"))
    }
    let isWhole = response.status == 200
    return .target(
      skipping: isWhole ? offset : 0, allowsMore: isWhole && start + Int64(bytes.count) < pin.info.size)
  }

  private func changed(_ how: String) -> BodySink.Refusal {
    BodySink.Refusal(code: .changed, message: "the object is not the version that was asked for: \(how)")
  }
}

/// The object version that all requests of one reader must be answered with.
final class ObjectPin: Sendable {
  let info: ObjectInfo
  private let tag: Mutex<String?>

  init(_ info: ObjectInfo) {
    self.info = info
    tag = Mutex(info.etag)
  }

  /// Whether a response with this entity tag is of the version; where none is known, the first one that comes is taken.
  func accepts(_ other: String) -> Bool {
    tag.withLock { tag in
      if tag == nil { tag = other }
      return tag == other
    }
  }
}

/// `bytes 0-99/1000` of RFC 9110.
struct ContentRange: Equatable {
  var first: Int64
  var last: Int64
  /// Nil for `*`.
  var total: Int64?

  init?(_ text: String) {
    guard text.hasPrefix("bytes ") else { return nil }
    let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = Int64(ends[0]), let last = Int64(ends[1]), first >= 0, first <= last
    else {
      return nil
    }
    self.first = first
    self.last = last
    if parts[1] != "*" {
      guard let total = Int64(parts[1]), total > last else { return nil }
      self.total = total
    }
  }
}
