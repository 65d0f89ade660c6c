internal import Glibc

/// All that the S3 module asks of the machine, so that tests can stand in for it.
struct S3Environment: Sendable {
  var variables: [String: String]
  /// A file's bytes; nil where there is none; throws a description when it is there and cannot be read.
  var readFile: @Sendable (String) throws(CredentialFailure) -> [UInt8]?
  /// Runs a command line of a profile's `credential_process`; gives its standard output.
  var runProcess: @Sendable (String) throws(CredentialFailure) -> [UInt8]
  var now: @Sendable () -> Timestamp
  /// False when cancelled.
  var sleep: @Sendable (_ milliseconds: Int, Cancellation) -> Bool
  var transport: any HTTPTransport

  /// The process's own.
  static func process() -> S3Environment {
    let variables = environmentVariables()
    return S3Environment(
      variables: variables,
      readFile: readSystemFile,
      runProcess: { command throws(CredentialFailure) in try CredentialProcess.run(command) },
      now: {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
      },
      sleep: { milliseconds, cancellation in cancellation.sleep(milliseconds: milliseconds) },
      transport: CurlTransport(authorityFile: variables["AWS_CA_BUNDLE"].flatMap { $0.isEmpty ? nil : $0 }))
  }

  /// A variable's value; nil also where it is empty.
  func variable(_ name: String) -> String? {
    variables[name].flatMap { $0.isEmpty ? nil : $0 }
  }
}

private func environmentVariables() -> [String: String] {
  var variables: [String: String] = [:]
  var next = environ
  while let entry = next.pointee {
    let text = String(cString: entry)
    if let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
      variables[String(text[..<equals])] = String(text[text.utf8.index(after: equals)...])
    }
    next += 1
  }
  return variables
}

/// Reads small files whole; larger ones than 1 MiB are not what they should be.
private func readSystemFile(_ path: String) throws(CredentialFailure) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw .broken("\(path): \(String(cString: strerror(errno)))")
  }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: (1 << 20) + 1)
  var filled = 0
  while filled < bytes.count {
    let count = bytes.withUnsafeMutableBytes { buffer in
      read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
    }
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw .broken("\(path): \(String(cString: strerror(errno)))") }
    if count == 0 { break }
    filled += count
  }
  guard filled < bytes.count else { throw .broken("\(path) is larger than 1 MiB") }
  return Array(bytes[..<filled])
}
