internal import Glibc
internal import Threads

/// What one exchange's callbacks write to. Lives on the thread that performs it.
final class CurlExchange {
  let sink: BodySink
  let cancellation: Cancellation
  private(set) var status = 0
  private(set) var headers: [(name: String, value: String)] = []
  private var hasBegun = false
  private var headerBytes = 0
  private(set) var isStalled = false
  private let stallMicroseconds: Int64
  private var moved: Int64 = -1
  private var movedAt: Int64 = 0

  private static let headerBytesMax = 256 << 10

  init(_ sink: BodySink, _ cancellation: Cancellation, stallSeconds: Int) {
    self.sink = sink
    self.cancellation = cancellation
    stallMicroseconds = Int64(stallSeconds) * 1_000_000
  }

  /// Whether to go on, told how many bytes have moved either way; libcurl asks at least once a second. Its own low-speed
  /// limit averages over several seconds, so it would see the end of a fast transfer's flow long after.
  func mayGoOn(moved bytes: Int64) -> Bool {
    if cancellation.isCancelled { return false }
    let now = monotonicMicroseconds()
    if bytes != moved {
      moved = bytes
      movedAt = now
    }
    isStalled = now - movedAt > stallMicroseconds
    return !isStalled
  }

  /// One header line with its line end; a status line starts anew (interim 1xx responses come before the real one).
  func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
    headerBytes += line.count
    guard headerBytes <= Self.headerBytesMax else { return false }
    let text = String(decoding: line, as: UTF8.self)
    if text.hasPrefix("HTTP/") {
      let words = text.split(separator: " ", maxSplits: 2)
      status = words.count > 1 ? Int(words[1].prefix(3)) ?? 0 : 0
      headers.removeAll()
    } else if let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) {
      let value = text[text.utf8.index(after: colon)...]
      headers.append((text[..<colon].lowercased(), trimmed(value)))
    }
    return true
  }

  func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
    begin()
    return sink.take(bytes)
  }

  /// Tells the sink which response this is, once, at its first byte or its end.
  func begin() {
    if hasBegun { return }
    hasBegun = true
    sink.begin(status: status, headers: headers)
  }

  private func trimmed(_ value: Substring) -> String {
    var value = value
    while let first = value.first, first.isWhitespace { value.removeFirst() }
    while let last = value.last, last.isWhitespace { value.removeLast() }
    return String(value)
  }
}
