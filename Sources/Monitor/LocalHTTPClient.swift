internal import Glibc

/// One request to a server of ours, over plain sockets. HTTP/1.0: the answer ends where the connection does.
///
/// For `tributary status` and `tributary snapshot`, which ask a worker's port; S3 has libcurl.
public enum LocalHTTPClient {
  /// Bytes of head and body together.
  static let answerMax = 64 << 20

  /// Blocks until the whole answer is there, at most `timeoutMilliseconds` (a name's resolution may take longer). Any
  /// status is an answer. `path` is sent as it is, `query` percent-encoded.
  public static func request(
    host: String, port: UInt16, method: String = "GET", path: String,
    query: KeyValuePairs<String, String> = [:], body: [UInt8]? = nil, timeoutMilliseconds: Int64 = 10_000
  ) throws(MonitorError) -> (status: Int, body: [UInt8]) {
    precondition(method.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
    let deadline = SocketDeadline(milliseconds: timeoutMilliseconds)
    let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    do {
      let socket = try ClientSocket(host: host, port: port, deadline)
      let target =
        path + (query.isEmpty ? "" : "?") + query.map { encode($0) + "=" + encode($1) }.joined(separator: "&")
      var head = "\(method) \(target) HTTP/1.0\r\nHost: \(place)\r\nConnection: close\r\n"
      if let body { head += "Content-Length: \(body.count)\r\n" }
      // The server may answer before it has read everything (413); its answer counts then.
      let isSent = try socket.send(Array((head + "\r\n").utf8) + (body ?? []), deadline)
      let answer = try socket.receiveAll(max: answerMax, deadline)
      guard let parsed = HTTPAnswer(answer, isHead: method == "HEAD") else {
        throw ClientSocket.Failure(.badAnswer, isSent ? "the answer is not HTTP or is cut off" : "the connection broke")
      }
      return (parsed.status, parsed.body)
    } catch let failure as ClientSocket.Failure {
      throw MonitorError(
        failure.code, operation: method, location: place + path, message: failure.message, hint: hint(failure.code))
    } catch {
      throw MonitorError(.other, operation: method, location: place + path, message: "\(error)")
    }
  }

  /// RFC 3986's unreserved characters as they are, all others as `%XX`.
  private static func encode(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        out.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        out += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
      }
    }
    return out
  }

  private static func hint(_ code: MonitorError.Code) -> String {
    switch code {
    case .refused: "no `tributary run` listens there"
    case .badAnswer: "another program may listen there"
    case .timedOut: "the process may be stopped or overloaded"
    case .badAddress, .portTaken, .other: ""
    }
  }
}

/// The head and body of an answer to HTTP/1.0.
struct HTTPAnswer {
  var status: Int
  var body: [UInt8]

  static let headMax = 64 << 10

  /// nil if it is no answer, or shorter than it says.
  init?(_ bytes: [UInt8], isHead: Bool = false) {
    let end = Array("\r\n\r\n".utf8)
    guard bytes.starts(with: Array("HTTP/1.".utf8)),
      let headEnd = bytes.prefix(Self.headMax).indices.first(where: { bytes[$0...].starts(with: end) })
    else { return nil }
    let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
    guard words.count >= 2, let status = Int(words[1]), 100...599 ~= status else { return nil }
    self.status = status
    body = Array(bytes[(headEnd + end.count)...])
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].drop { $0 == " " }
      switch parts[0].lowercased() {
      case "content-length":
        guard let length = Int(value), length >= 0, isHead || body.count >= length else { return nil }
        if !isHead { body.removeLast(body.count - length) }
      // No server may send it to HTTP/1.0.
      case "transfer-encoding": return nil
      default: break
      }
    }
  }
}
