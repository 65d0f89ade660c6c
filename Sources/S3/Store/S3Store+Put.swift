public import Platform

extension S3Store {
  /// Bodies above this many bytes go up in parts, so that a failure repeats a part and not the whole.
  private static let singleBytesMax = 64 << 20

  @discardableResult
  public func put(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    if bytes.count > Self.singleBytesMax {
      let writer = S3Writer(store: self, key: key, condition: condition)
      var failure: StoreError?
      bytes.withUnsafeBytes { raw in
        do throws(StoreError) { try writer.write(raw) } catch { failure = error }
      }
      if let failure { throw failure }
      return try writer.complete()
    }
    return try putWhole(key, bytes, condition: condition)
  }

  public func writer(_ key: String) throws(StoreError) -> any ObjectWriter {
    S3Writer(store: self, key: key, condition: .always)
  }

  /// One PUT. A conditional one that was repeated and then refused may have succeeded the first time: see ``WriteMark``.
  func putWhole(_ key: String, _ bytes: [UInt8], condition: PutCondition) throws(StoreError) -> String? {
    var call = S3Call(operation: "PUT", method: "PUT", bucket: bucket, key: key, body: bytes)
    call.headers = encryptionHeaders + [("Content-Type", "application/octet-stream")] + condition.headers
    let mark = WriteMark.random()
    if condition != .always { call.headers.append((WriteMark.header, mark)) }
    do throws(S3Failure) {
      let response = try session.client.perform { call }
      return entityTag(response.header("etag"))
    } catch {
      if condition != .always,
        let found = try ownWrite(after: error, key: key, mark: mark, content: bytes)
      {
        return found
      }
      throw condition.meaning(of: error)
    }
  }

  /// The entity tag of what a refused or lost write left after all; `.some(nil)` where it has none; nil if it left nothing.
  func ownWrite(
    after failure: S3Failure, key: String, mark: String, content: [UInt8]?
  ) throws(StoreError) -> String?? {
    // Not only after a failed attempt: libcurl itself repeats a request whose kept connection turns out dead, unseen.
    guard [404, 409, 412].contains(failure.status), !failure.isMissingBucket else { return nil }
    do throws(S3Failure) {
      let (info, found) = try description(of: key)
      if let found { return found == mark ? .some(info.etag) : nil }
      // A server that keeps no metadata: after a broken attempt, equal bytes are the best evidence there is.
      guard failure.mayHaveHappened, let content, info.size == Int64(content.count) else { return nil }
      let reader = S3Reader(session: session, info: info)
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 16)
      defer { copy.deallocate() }
      try reader.readAll(into: copy)
      return copy.elementsEqual(content) ? .some(info.etag) : nil
    } catch {
      return nil
    }
  }
}

extension PutCondition {
  var headers: [(name: String, value: String)] {
    switch self {
    case .always: []
    case .ifAbsent: [("If-None-Match", "*")]
    case .ifMatch(let etag): [("If-Match", "\"\(etag)\"")]
    }
  }

  /// 412 means that something is there already, or that it is no longer what it was. If-Match on an absent key is 404.
  func meaning(of failure: S3Failure) -> StoreError {
    var error = failure.error
    switch self {
    case .always: break
    case .ifAbsent:
      if failure.status == 412 {
        error.code = .exists
        error.message = "there is an object already"
      }
    case .ifMatch:
      if failure.status == 412 || (failure.status == 404 && !failure.isMissingBucket) {
        error.code = .changed
        error.message =
          failure.status == 404 ? "the object is gone" : "somebody else has written the object"
        error.hint = ""
      }
    }
    return error
  }
}
