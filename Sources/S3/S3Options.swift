/// Where S3 is and how to speak to it. What is nil comes from AWS's environment variables and shared files.
public struct S3Options: Sendable, Hashable {
  /// `http://host:port` of a server other than AWS's; else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's `endpoint_url`.
  public var endpoint: String?
  /// Else AWS_REGION, AWS_DEFAULT_REGION, the profile's `region`, us-east-1. A bucket elsewhere on AWS is found by its redirect.
  public var region: String?
  /// Whether the bucket stands in the path (true) or in the host name (false). Nil: in the path for endpoints of one's own
  /// and for buckets whose names are no host names under TLS.
  public var pathStyle: Bool?
  /// A profile of the shared files, and nothing else, gives the credentials; `anonymous` sends requests unsigned.
  public var profile: String?
  /// Server-side encryption asked for: `AES256`, `aws:kms` or `aws:kms:dsse`. Nil: the bucket's own setting.
  public var encryption: String?
  /// The KMS key's id or ARN; nil: the account's default key.
  public var kmsKey: String?

  public var retry = RetryPolicy()
  /// An exchange in which no byte moves for so long is given up and tried again.
  public var stallSeconds = 30
  /// Objects above this many bytes are read in ranges of this size, several at a time.
  public var rangeBytes = 8 << 20
  /// Ranges of one object under way or waiting to be read; at least 1.
  public var rangesAhead = 4
  /// The first parts of a multipart upload; 5 MiB is the least that S3 takes.
  public var partBytes = 8 << 20
  /// Parts of one upload under way; at least 1.
  public var partsAhead = 4
  /// Bytes that all readers and writers of a session hold for reading ahead and writing behind. Beyond it each still has one
  /// range or part, so that nothing stops.
  public var transferBytesMax = 256 << 20
  /// Threads that read ahead and upload parts, started as they are needed.
  public var transferThreadsMax = 16

  public init(
    endpoint: String? = nil, region: String? = nil, pathStyle: Bool? = nil, profile: String? = nil,
    encryption: String? = nil, kmsKey: String? = nil
  ) {
    self.endpoint = endpoint
    self.region = region
    self.pathStyle = pathStyle
    self.profile = profile
    self.encryption = encryption
    self.kmsKey = kmsKey
  }
}
