/// Why the HTTP server could not start, or a request to one was not answered.
public struct MonitorError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    /// The address is no address, or not one of this machine.
    case badAddress
    /// Somebody else listens there.
    case portTaken
    /// Nobody listens there.
    case refused
    case timedOut
    /// The answer is not HTTP, is cut off or is too large.
    case badAnswer
    case other
  }

  public var code: Code
  /// "listen", "GET", …
  public var operation: String
  /// `127.0.0.1:9464`
  public var location: String
  public var message: String
  /// What the user can do next, or "".
  public var hint: String

  public init(_ code: Code, operation: String, location: String, message: String, hint: String = "") {
    self.code = code
    self.operation = operation
    self.location = location
    self.message = message
    self.hint = hint
  }

  public var description: String {
    "\(operation) \(location): \(message)" + (hint.isEmpty ? "" : "; \(hint)")
  }
}
