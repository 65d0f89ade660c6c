internal import Platform
internal import Synchronization

/// Finds credentials as AWS's own tools do, keeps them, and renews them before they end. Thread-safe.
///
/// The order: environment variables, web identity from the environment, the shared files' profile, the container endpoint,
/// instance metadata. A profile that was asked for by name (not by AWS_PROFILE) is the only place that is looked at.
/// A place that holds something broken ends the search: going on would sign with keys the user did not mean.
final class CredentialChain: Sendable {
  private let environment: S3Environment
  private let profiles: Profiles
  private let askedProfile: String?
  private let region: String?
  private let state = Mutex(State())

  private struct State {
    var current: Credentials?
    /// Failed renewals are not repeated before this time.
    var retryAfter: Timestamp?
  }

  /// Renewal begins this long before the end, as AWS's tools do.
  private static let renewalMicroseconds: Int64 = 5 * 60 * 1_000_000
  private static let renewalPauseMicroseconds: Int64 = 30 * 1_000_000

  static let anonymousProfile = "anonymous"

  init(environment: S3Environment, profiles: Profiles, askedProfile: String?, region: String?) {
    self.environment = environment
    self.profiles = profiles
    self.askedProfile = askedProfile
    self.region = region
  }

  /// The way to authorise a request now. Callers wait for each other while credentials are being fetched.
  func current() throws(StoreError) -> Authorization {
    if isAnonymous { return .anonymous }
    return try state.withLock { state throws(StoreError) in
      let now = environment.now()
      if let current = state.current {
        guard let end = current.expiration else { return .signed(current) }
        let isFresh = end.microseconds - now.microseconds > Self.renewalMicroseconds
        let isHeldBack = state.retryAfter.map { now < $0 } ?? false
        if isFresh || (isHeldBack && now < end) { return .signed(current) }
      }
      do throws(StoreError) {
        let found = try search()
        state = State(current: found)
        return .signed(found)
      } catch {
        // Old keys that still work are better than none while the service is away.
        guard let current = state.current, let end = current.expiration, now < end else { throw error }
        state.retryAfter = Timestamp(microseconds: now.microseconds + Self.renewalPauseMicroseconds)
        return .signed(current)
      }
    }
  }

  /// Drops credentials that a server called expired, unless others have taken their place already.
  func discard(_ expired: Credentials) {
    state.withLock { state in
      if state.current == expired { state.current = nil }
    }
  }

  private var isAnonymous: Bool {
    profiles.name == Self.anonymousProfile && profiles.file.profiles[Self.anonymousProfile] == nil
  }

  private func search() throws(StoreError) -> Credentials {
    let sources = CredentialSources(environment: environment)
    var tried: [String] = []
    for place in askedProfile == nil ? Place.allCases : [.profile] {
      do throws(CredentialFailure) {
        switch place {
        case .variables: return try sources.variables()
        case .webIdentity: return try sources.environmentWebIdentity(region: region)
        case .profile: return try profiles.credentials(of: profiles.name, sources: sources, region: region)
        case .container: return try sources.container()
        case .instanceMetadata: return try sources.instanceMetadata()
        }
      } catch {
        guard error.kind == .absent else {
          throw failure("the credentials in \(place.rawValue) cannot be used: \(error.description)")
        }
        tried.append("\(place.rawValue): \(error.description)")
      }
    }
    throw failure("no credentials were found (\(tried.joined(separator: "; ")))")
  }

  private enum Place: String, CaseIterable {
    case variables = "the environment"
    case webIdentity = "web identity"
    case profile = "the shared files"
    case container = "the container endpoint"
    case instanceMetadata = "instance metadata"
  }

  private func failure(_ message: String) -> StoreError {
    StoreError(
      .forbidden, operation: "sign", location: "S3", message: message,
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; "
        + "for public buckets use the profile '\(Self.anonymousProfile)'")
  }
}
