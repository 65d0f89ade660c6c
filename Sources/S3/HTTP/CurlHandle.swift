internal import CCurl

/// One easy handle of libcurl, with the connections it keeps open.
final class CurlHandle: @unchecked Sendable {
  // Sendable: the pool hands a handle to one thread at a time, and libcurl allows any thread as long as it is one at once.
  private let handle: UnsafeMutableRawPointer
  private let errorText: UnsafeMutablePointer<CChar>

  init?() {
    guard let handle = curl_easy_init() else { return nil }
    self.handle = handle
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    curl_easy_cleanup(handle)
    errorText.deallocate()
  }

  func perform(
    _ request: HTTPRequest, _ exchange: CurlExchange, authorityFile: String?
  ) throws(TransportFailure) -> HTTPResponse {
    // Keeps connections, sessions and names; forgets all options of the last request.
    curl_easy_reset(handle)
    errorText[0] = 0
    configure(request, authorityFile)
    var lines: UnsafeMutablePointer<curl_slist>?
    defer { curl_slist_free_all(lines) }
    // "Expect: 100-continue" would cost a round trip per PUT; libcurl's own Content-Type and Accept are not signed.
    for line in request.headers.map({ "\($0.name): \($0.value)" }) + ["Expect:"] {
      guard let longer = curl_slist_append(lines, line) else {
        throw TransportFailure(kind: .refused, message: "out of memory")
      }
      lines = longer
    }
    tributary_curl_set_pointer(handle, CURLOPT_HTTPHEADER, lines)

    // The exchange, the body and the lines outlive the call; libcurl keeps no pointer to them that it uses afterwards,
    // because the next use begins with a reset.
    let code = withExtendedLifetime(exchange) {
      connectCallbacks(exchange)
      guard let body = request.body else { return curl_easy_perform(handle) }
      return body.withUnsafeBytes { bytes in
        tributary_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
        // A null pointer would make libcurl ask a callback for the body.
        guard let start = bytes.baseAddress else {
          tributary_curl_set_pointer(handle, CURLOPT_POSTFIELDS, errorText)
          return curl_easy_perform(handle)
        }
        tributary_curl_set_pointer(handle, CURLOPT_POSTFIELDS, start)
        return curl_easy_perform(handle)
      }
    }
    return try conclude(code, exchange)
  }

  private func configure(_ request: HTTPRequest, _ authorityFile: String?) {
    tributary_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    tributary_curl_set_string(handle, CURLOPT_URL, request.url)
    // Keys may hold `..` and `//`; they are signed and sent as they are.
    tributary_curl_set_long(handle, CURLOPT_PATH_AS_IS, 1)
    tributary_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
    tributary_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    // Signals and threads do not go together.
    tributary_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
    tributary_curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
    tributary_curl_set_long(handle, CURLOPT_MAXCONNECTS, 4)
    tributary_curl_set_long(handle, CURLOPT_BUFFERSIZE, 256 << 10)
    tributary_curl_set_long(handle, CURLOPT_UPLOAD_BUFFERSIZE, 256 << 10)
    tributary_curl_set_string(handle, CURLOPT_USERAGENT, "tributary")
    tributary_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, request.timeouts.connectMilliseconds)
    tributary_curl_set_long(handle, CURLOPT_TIMEOUT_MS, request.timeouts.totalMilliseconds)
    if !request.usesProxy { tributary_curl_set_string(handle, CURLOPT_NOPROXY, "*") }
    // Verification of certificate and name is libcurl's default; said here so that nobody has to look it up.
    tributary_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1)
    tributary_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2)
    if let authorityFile { tributary_curl_set_string(handle, CURLOPT_CAINFO, authorityFile) }
    switch request.method {
    case "GET": tributary_curl_set_long(handle, CURLOPT_HTTPGET, 1)
    case "HEAD": tributary_curl_set_long(handle, CURLOPT_NOBODY, 1)
    default:
      if request.body != nil { tributary_curl_set_long(handle, CURLOPT_POST, 1) }
      tributary_curl_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
    }
  }

  private func connectCallbacks(_ exchange: CurlExchange) {
    let context = Unmanaged.passUnretained(exchange).toOpaque()
    tributary_curl_set_data_callback(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
      return exchange.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
    }
    tributary_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    tributary_curl_set_data_callback(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
      return exchange.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
    }
    tributary_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
    tributary_curl_set_progress_callback(handle) { context, _, received, _, sent in
      guard let context else { return 1 }
      let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
      return exchange.mayGoOn(moved: Int64(received) &+ Int64(sent)) ? 0 : 1
    }
    tributary_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
    tributary_curl_set_long(handle, CURLOPT_NOPROGRESS, 0)
  }

  private func conclude(_ code: CURLcode, _ exchange: CurlExchange) throws(TransportFailure) -> HTTPResponse {
    let sink = exchange.sink
    switch code {
    case CURLE_OK: break
    case CURLE_WRITE_ERROR where exchange.status != 0:
      // The sink has had enough, or refuses; it says which.
      break
    case CURLE_ABORTED_BY_CALLBACK where exchange.isStalled:
      throw TransportFailure(kind: .broken, message: "nothing came or went for too long")
    case CURLE_ABORTED_BY_CALLBACK:
      throw TransportFailure(kind: .cancelled, message: "given up")
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT:
      throw TransportFailure(kind: .connect, message: message(code))
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
      throw TransportFailure(kind: .certificate, message: message(code))
    case CURLE_URL_MALFORMAT, CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT, CURLE_NOT_BUILT_IN:
      throw TransportFailure(kind: .refused, message: message(code))
    default:
      throw TransportFailure(kind: .broken, message: message(code))
    }
    exchange.begin()
    return HTTPResponse(status: exchange.status, headers: exchange.headers, body: sink.collected)
  }

  private func message(_ code: CURLcode) -> String {
    let detail = String(cString: errorText)
    return detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
  }
}
