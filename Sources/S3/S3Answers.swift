internal import Platform

/// The error document of S3: `<Error><Code>…`.
struct ErrorAnswer: Equatable {
  var code: String
  var message: String
  /// The region that the bucket lies in, where the server says so.
  var region: String?

  init(code: String, message: String) {
    self.code = code
    self.message = message
  }

  /// Nil when the body is not such a document (a proxy's page, nothing at all).
  init?(_ body: [UInt8]) {
    guard !body.isEmpty else { return nil }
    var reader = XMLReader(body)
    self.init(code: "", message: "")
    do throws(MalformedAnswer) {
      while let element = try reader.next() {
        switch element.path {
        case ["Error", "Code"]: code = element.text
        case ["Error", "Message"]: message = element.text
        case ["Error", "Region"]: region = element.text
        default: break
        }
      }
    } catch {
      return nil
    }
    if code.isEmpty { return nil }
  }
}

/// One page of ListObjectsV2.
struct ListPage {
  private(set) var objects: [ObjectInfo] = []
  /// Nil on the last page.
  private(set) var continuation: String?

  init(_ body: [UInt8], bucket: String) throws(MalformedAnswer) {
    var reader = XMLReader(body)
    var isTruncated = false
    var isEncoded = false
    var isListing = false
    var token = ""
    var next = ObjectInfo(bucket: bucket, key: "", size: -1, modifiedMicroseconds: 0)
    while let element = try reader.next() {
      if element.path.count == 1 { isListing = element.name == "ListBucketResult" }
      switch (element.path.count, element.path.dropFirst().first, element.name) {
      case (3, "Contents", "Key"): next.key = element.text
      case (3, "Contents", "Size"):
        guard let size = Int64(element.text), size >= 0 else { throw Self.malformed("a size is no number") }
        next.size = size
      case (3, "Contents", "ETag"): next.etag = entityTag(element.text)
      case (3, "Contents", "LastModified"):
        guard let time = Timestamp(iso8601: element.text) else {
          throw Self.malformed("a time cannot be read")
        }
        next.modifiedMicroseconds = wholeSeconds(time)
      case (2, _, "Contents"):
        guard !next.key.isEmpty, next.size >= 0 else { throw Self.malformed("an object has no key or size") }
        objects.append(next)
        next = ObjectInfo(bucket: bucket, key: "", size: -1, modifiedMicroseconds: 0)
      case (2, _, "IsTruncated"): isTruncated = element.text == "true"
      case (2, _, "EncodingType"): isEncoded = element.text == "url"
      case (2, _, "NextContinuationToken"): token = element.text
      default: break
      }
    }
    guard isListing else { throw Self.malformed("it is no listing") }
    if isTruncated {
      guard !token.isEmpty else { throw Self.malformed("it is cut off without a continuation") }
      continuation = token
    }
    // The server says whether it followed `encoding-type=url`; its place may be behind the keys.
    if isEncoded {
      for index in objects.indices {
        guard let key = PercentEncoding.decode(objects[index].key, plusIsSpace: true) else {
          throw Self.malformed("a key is not UTF-8")
        }
        objects[index].key = key
      }
    }
  }

  private static func malformed(_ what: String) -> MalformedAnswer {
    MalformedAnswer(description: "the listing cannot be read: \(what)")
  }
}

/// The upload id of CreateMultipartUpload.
func readUploadID(_ body: [UInt8]) throws(MalformedAnswer) -> String {
  var reader = XMLReader(body)
  var id = ""
  while let element = try reader.next() {
    if element.path == ["InitiateMultipartUploadResult", "UploadId"] { id = element.text }
  }
  guard !id.isEmpty else { throw MalformedAnswer(description: "the answer holds no upload id") }
  return id
}

/// The entity tag of CompleteMultipartUpload.
func readCompletedTag(_ body: [UInt8]) throws(MalformedAnswer) -> String? {
  var reader = XMLReader(body)
  var tag: String?
  while let element = try reader.next() {
    if element.path == ["CompleteMultipartUploadResult", "ETag"] { tag = entityTag(element.text) }
  }
  return tag
}

/// An entity tag without its quotes; nil where it is empty.
func entityTag(_ text: String?) -> String? {
  guard var tag = text else { return nil }
  if tag.hasPrefix("W/") { tag.removeFirst(2) }
  if tag.hasPrefix("\""), tag.hasSuffix("\""), tag.utf8.count >= 2 {
    tag = String(tag.dropFirst().dropLast())
  }
  return tag.isEmpty ? nil : tag
}

/// HEAD's times have seconds; some servers' listings have more. Both must describe one object alike.
func wholeSeconds(_ time: Timestamp) -> Int64 {
  let rest = time.microseconds % 1_000_000
  return time.microseconds - (rest < 0 ? rest + 1_000_000 : rest)
}

extension ObjectInfo {
  /// What the headers of HEAD or GET say. Nil without a length.
  init?(_ response: HTTPResponse, bucket: String, key: String) {
    guard let size = response.header("content-length").flatMap({ Int64($0) }), size >= 0 else { return nil }
    let modified = response.header("last-modified").flatMap { Timestamp(http: $0) }
    self.init(
      bucket: bucket, key: key, size: size, modifiedMicroseconds: modified.map(wholeSeconds) ?? 0,
      etag: entityTag(response.header("etag")),
      version: response.header("x-amz-version-id").flatMap { $0 == "null" || $0.isEmpty ? nil : $0 })
  }
}
