internal import Platform

/// Takes one response's body as it arrives: into memory of the caller's if `accept` wants it there, else into `collected`.
///
/// Bytes that have arrived stay when the exchange breaks, so that the next attempt can ask for the rest only. Used by one
/// exchange at a time.
final class BodySink {
  enum Destination {
    /// To ``collected`` (error documents, listings).
    case collected
    /// Behind what is there in the target, after this many bytes were dropped. What comes when the target is full is
    /// dropped too if `allowsMore`, else it is not the body that was asked for.
    case target(skipping: Int64, allowsMore: Bool)
    /// Nowhere: the response is not the one that was asked for; ``refusal`` says why.
    case refused(Refusal)
  }

  struct Refusal {
    var code: StoreError.Code
    var message: String
    var hint = ""
  }

  private(set) var filled = 0
  private(set) var collected: [UInt8] = []
  private(set) var refusal: Refusal?

  private let target: UnsafeMutableRawBufferPointer
  private let accept: (_ response: HTTPResponse, _ filled: Int) -> Destination
  private var destination = Destination.collected

  /// Bodies that are collected end here: a page of a listing (1,000 keys of 1,024 bytes, each percent-encoded) fits.
  static let collectedBytesMax = 16 << 20

  /// Collects whatever comes.
  init() {
    target = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    accept = { _, _ in .collected }
  }

  /// `target` must outlive the sink. `accept` sees a response's status and headers, and how much is there already.
  init(
    target: UnsafeMutableRawBufferPointer,
    accept: @escaping (_ response: HTTPResponse, _ filled: Int) -> Destination
  ) {
    self.target = target
    self.accept = accept
  }

  /// The target holds all it can; what else arrives is not wanted.
  var isFull: Bool { filled == target.count }

  /// A response begins (again).
  func begin(status: Int, headers: [(name: String, value: String)]) {
    collected.removeAll(keepingCapacity: true)
    refusal = nil
    destination = accept(HTTPResponse(status: status, headers: headers, body: []), filled)
    if case .refused(let reason) = destination { refusal = reason }
  }

  /// Takes the next bytes of the body; false ends the exchange.
  func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    switch destination {
    case .collected:
      guard collected.count + bytes.count <= Self.collectedBytesMax else {
        refusal = Refusal(
          code: .protocolViolation, message: "the answer is larger than \(Self.collectedBytesMax >> 20) MiB")
        return false
      }
      collected.append(contentsOf: bytes)
      return true
    case .refused:
      return false
    case .target(let skipping, let allowsMore):
      let dropped = Int(min(skipping, Int64(bytes.count)))
      let rest = bytes[dropped...]
      let taken = min(rest.count, target.count - filled)
      if taken > 0 {
        let room = UnsafeMutableRawBufferPointer(rebasing: target[filled..<(filled + taken)])
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<(rest.startIndex + taken)]))
        filled += taken
      }
      destination = .target(skipping: skipping - Int64(dropped), allowsMore: allowsMore)
      if taken == rest.count { return true }
      if !allowsMore { refusal = Refusal(code: .changed, message: "the body is longer than the object was") }
      return false
    }
  }
}
