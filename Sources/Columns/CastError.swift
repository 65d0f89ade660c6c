/// Why a ``Cast``, a time pattern or a zone's rules cannot be made from what the user wrote: a message for people
/// that says what was found, what was expected and what to do. Not retryable; the definition must change (or the
/// machine, where time zone data is missing).
public struct CastError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}
