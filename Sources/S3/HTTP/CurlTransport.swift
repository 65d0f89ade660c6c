internal import CCurl
internal import Synchronization

/// HTTP through libcurl: one easy handle per exchange under way, taken from a pool and put back.
///
/// Each handle keeps its connections, and the handle used last is taken first, so connections are used again. Sharing one
/// connection cache among threads (CURL_LOCK_DATA_CONNECT) was rejected: libcurl's documentation calls it unsupported for
/// concurrent threads.
final class CurlTransport: HTTPTransport {
  private let idle = Mutex<[CurlHandle]>([])
  private let authorityFile: String?

  private static let idleMax = 64
  private static let isReady = tributary_curl_global_init() == CURLE_OK

  /// `authorityFile`: certificates to trust instead of the system's.
  init(authorityFile: String? = nil) { self.authorityFile = authorityFile }

  func perform(
    _ request: HTTPRequest, into sink: BodySink, cancellation: Cancellation
  ) throws(TransportFailure) -> HTTPResponse {
    guard Self.isReady, let handle = idle.withLock({ $0.popLast() }) ?? CurlHandle() else {
      throw TransportFailure(kind: .refused, message: "libcurl could not be started (out of memory)")
    }
    defer {
      idle.withLock { idle in if idle.count < Self.idleMax { idle.append(handle) } }
    }
    let exchange = CurlExchange(sink, cancellation, stallSeconds: request.timeouts.stallSeconds)
    return try handle.perform(request, exchange, authorityFile: authorityFile)
  }
}
