/// The shared configuration of this user: which files, which profile, what it says.
struct Profiles: Sendable {
  let file: ProfileFile
  /// The profile in use: asked for, or AWS_PROFILE, or `default`.
  let name: String
  /// The files that were looked at.
  let paths: [String]

  init(environment: S3Environment, asked: String?) throws(CredentialFailure) {
    let home = environment.variable("HOME") ?? ""
    func path(_ variable: String, _ standard: String) -> String {
      let chosen = environment.variable(variable) ?? "~/.aws/\(standard)"
      return chosen.hasPrefix("~/") ? home + chosen.dropFirst() : chosen
    }
    let configuration = path("AWS_CONFIG_FILE", "config")
    let credentials = path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    var merged = ProfileFile()
    if let bytes = try environment.readFile(configuration) {
      merged = ProfileFile(String(decoding: bytes, as: UTF8.self), kind: .configuration)
    }
    if let bytes = try environment.readFile(credentials) {
      merged = merged.overlaid(with: ProfileFile(String(decoding: bytes, as: UTF8.self), kind: .credentials))
    }
    file = merged
    name =
      asked ?? environment.variable("AWS_PROFILE") ?? environment.variable("AWS_DEFAULT_PROFILE") ?? "default"
    paths = [configuration, credentials]
  }

  /// A setting of the profile in use.
  func setting(_ key: String) -> String? {
    file.profiles[name]?[key].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The credentials that profile `name` describes, following `source_profile`.
  func credentials(
    of name: String, sources: CredentialSources, region: String?, visited: [String] = []
  ) throws(CredentialFailure) -> Credentials {
    guard let profile = file.profiles[name] else {
      throw .absent("profile '\(name)' is not in \(paths.joined(separator: " or "))")
    }
    func value(_ key: String) -> String? { profile[key].flatMap { $0.isEmpty ? nil : $0 } }
    guard !visited.contains(name) else {
      throw .broken("source_profile leads in a circle: \((visited + [name]).joined(separator: " → "))")
    }
    let region = value("region") ?? region

    // A profile that is its own source means its static keys.
    if let role = value("role_arn"), visited.last != name {
      if let file = value("web_identity_token_file") {
        return try sources.webIdentity(
          .init(tokenFile: file, role: role, sessionName: value("role_session_name")), region: region)
      }
      guard value("mfa_serial") == nil else {
        throw .broken(
          "profile '\(name)' asks for a one-time code (mfa_serial), which a program cannot type; "
            + "export a session's keys instead: aws configure export-credentials --profile \(name) --format env"
        )
      }
      let base = try baseCredentials(
        of: name, value, sources: sources, region: region, visited: visited + [name])
      return try sources.role(
        .init(
          role: role, sessionName: value("role_session_name"), externalID: value("external_id"),
          durationSeconds: value("duration_seconds")), with: base, region: region)
    }
    return try staticCredentials(of: name, value, sources)
  }

  private func baseCredentials(
    of name: String, _ value: (String) -> String?, sources: CredentialSources, region: String?,
    visited: [String]
  ) throws(CredentialFailure) -> Credentials {
    if let source = value("source_profile") {
      if source == name { return try staticCredentials(of: name, value, sources) }
      return try credentials(of: source, sources: sources, region: region, visited: visited)
    }
    switch value("credential_source") {
    case "Environment": return try sources.variables()
    case "EcsContainer": return try sources.container()
    case "Ec2InstanceMetadata": return try sources.instanceMetadata()
    case .some:
      throw .broken(
        "profile '\(name)': credential_source is Environment, EcsContainer or Ec2InstanceMetadata")
    case nil:
      throw .broken("profile '\(name)' has role_arn, but neither source_profile nor credential_source")
    }
  }

  private func staticCredentials(
    of name: String, _ value: (String) -> String?, _ sources: CredentialSources
  ) throws(CredentialFailure) -> Credentials {
    switch (value("aws_access_key_id"), value("aws_secret_access_key")) {
    case (let access?, let secret?):
      return Credentials(
        accessKey: access, secretKey: secret, token: value("aws_session_token"), source: "profile '\(name)'")
    case (.some, nil), (nil, .some):
      throw .broken("profile '\(name)' has one of aws_access_key_id and aws_secret_access_key, not both")
    case (nil, nil): break
    }
    if let command = value("credential_process") {
      return try CredentialHTTP.credentials(
        json: try sources.environment.runProcess(command), tokenName: "SessionToken",
        source: "credential_process of profile '\(name)'")
    }
    if value("sso_session") != nil || value("sso_start_url") != nil {
      throw .broken(
        "profile '\(name)' signs in through a browser (SSO), which is not supported; add to the profile: "
          + "credential_process = aws configure export-credentials --profile \(name)")
    }
    throw .absent("profile '\(name)' holds no keys")
  }
}
