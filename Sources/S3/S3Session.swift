public import Platform

/// What the stores of several buckets share: credentials, connections, threads, memory. Thread-safe.
public final class S3Session: Sendable {
  let options: S3Options
  let client: S3Client
  let credentials: CredentialChain
  /// Where requests go that nothing else places.
  let region: String
  let threads: TransferThreads
  let budget: TransferBudget

  /// Reads the options' counterparts in the environment and in the shared files; asks no server for anything yet.
  ///
  /// Throws `.protocolViolation` for settings that contradict each other or cannot be read.
  public convenience init(options: S3Options = S3Options()) throws(StoreError) {
    try self.init(options: options, environment: .process())
  }

  init(options: S3Options, environment: S3Environment) throws(StoreError) {
    try Self.check(options)
    let profiles: Profiles
    do throws(CredentialFailure) {
      profiles = try Profiles(environment: environment, asked: options.profile)
    } catch {
      throw Self.refuse(error.description, "check AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE")
    }
    let region =
      options.region ?? environment.variable("AWS_REGION") ?? environment.variable("AWS_DEFAULT_REGION")
      ?? profiles.setting("region")
    if let region, !region.utf8.allSatisfy(Self.isRegionByte) {
      throw Self.refuse(
        "the region holds other characters than letters, digits and '-'", "write e.g. eu-central-1")
    }
    let endpoint = try Self.endpoint(options, environment, profiles)
    self.options = options
    self.region = region ?? "us-east-1"
    credentials = CredentialChain(
      environment: environment, profiles: profiles, askedProfile: options.profile, region: region)
    client = S3Client(
      environment: environment, credentials: credentials, endpoint: endpoint, region: self.region,
      retry: options.retry, stallSeconds: options.stallSeconds)
    threads = TransferThreads(threadsMax: options.transferThreadsMax)
    budget = TransferBudget(bytesMax: options.transferBytesMax)
  }

  private static func endpoint(
    _ options: S3Options, _ environment: S3Environment, _ profiles: Profiles
  ) throws(StoreError) -> S3Endpoint {
    var text = options.endpoint
    if text == nil, environment.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")?.lowercased() != "true" {
      text =
        environment.variable("AWS_ENDPOINT_URL_S3") ?? environment.variable("AWS_ENDPOINT_URL")
        ?? profiles.setting("endpoint_url")
    }
    var address: Address?
    if let text, !text.isEmpty {
      // The text itself is not repeated: somebody may have put a password in it.
      guard let parsed = Address(text) else {
        throw refuse(
          "the endpoint is not an address", "write http://host:port or https://host, without a user name")
      }
      guard parsed.path.isEmpty || parsed.path == "/", parsed.query.isEmpty else {
        throw refuse("the endpoint \(parsed.authority) holds a path", "write the address of the server only")
      }
      address = parsed
    }
    var pathStyle = options.pathStyle
    if pathStyle == nil {
      switch profiles.setting("s3.addressing_style") {
      case "path": pathStyle = true
      case "virtual": pathStyle = false
      default: break
      }
    }
    return S3Endpoint(custom: address, pathStyle: pathStyle)
  }

  private static func check(_ options: S3Options) throws(StoreError) {
    if let encryption = options.encryption, !["AES256", "aws:kms", "aws:kms:dsse"].contains(encryption) {
      throw refuse("encryption '\(encryption)' is unknown", "write AES256, aws:kms or aws:kms:dsse")
    }
    if options.kmsKey != nil, options.encryption?.hasPrefix("aws:kms") != true {
      throw refuse("a KMS key is given, but the encryption is not aws:kms", "set encryption: aws:kms")
    }
    let parts = (5 << 20)...(512 << 20)
    guard parts.contains(options.partBytes), (1...(512 << 20)).contains(options.rangeBytes) else {
      throw refuse("parts have 5 MiB to 512 MiB, ranges 1 byte to 512 MiB", "use the standard values")
    }
  }

  private static func isRegionByte(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 32)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
  }

  private static func refuse(_ message: String, _ hint: String) -> StoreError {
    StoreError(.protocolViolation, operation: "configure", location: "S3", message: message, hint: hint)
  }
}
