/// An access key with its secret. Never printed: descriptions and mirrors show the source only.
struct Credentials: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  var accessKey: String
  var secretKey: String
  var token: String?
  /// Nil: does not end.
  var expiration: Timestamp?
  /// Where they are from, for messages: "the environment", "profile 'prod'", …
  var source: String

  var description: String { "credentials from \(source)" }
  var debugDescription: String { description }
  var customMirror: Mirror { Mirror(self, children: ["source": source]) }

  /// Strings that no message may hold.
  var secrets: [String] { [secretKey, token ?? "", accessKey].filter { !$0.isEmpty } }
}

/// How requests are authorised.
enum Authorization: Sendable, Equatable {
  case signed(Credentials)
  /// Public buckets.
  case anonymous
}

/// One place where credentials may be looked for did not have them, or was broken.
struct CredentialFailure: Error, CustomStringConvertible {
  enum Kind { case absent, broken }

  var kind: Kind
  /// Without secrets.
  var description: String

  static func absent(_ description: String) -> CredentialFailure {
    .init(kind: .absent, description: description)
  }
  static func broken(_ description: String) -> CredentialFailure {
    .init(kind: .broken, description: description)
  }
}
