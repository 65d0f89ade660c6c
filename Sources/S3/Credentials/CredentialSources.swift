internal import Digests

/// The single places that credentials come from. Each throws `.absent` where it does not apply.
struct CredentialSources: Sendable {
  let environment: S3Environment

  private var http: CredentialHTTP { CredentialHTTP(environment: environment) }

  // MARK: Environment variables

  func variables() throws(CredentialFailure) -> Credentials {
    let access = environment.variable("AWS_ACCESS_KEY_ID")
    let secret = environment.variable("AWS_SECRET_ACCESS_KEY")
    switch (access, secret) {
    case (nil, nil): throw .absent("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
    case (_, nil): throw .broken("AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not")
    case (nil, _): throw .broken("AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not")
    case (let access?, let secret?):
      return Credentials(
        accessKey: access, secretKey: secret, token: environment.variable("AWS_SESSION_TOKEN"),
        source: "the environment (AWS_ACCESS_KEY_ID)")
    }
  }

  // MARK: Security token service

  struct WebIdentity {
    var tokenFile: String
    var role: String
    var sessionName: String?
  }

  func environmentWebIdentity(region: String?) throws(CredentialFailure) -> Credentials {
    guard let file = environment.variable("AWS_WEB_IDENTITY_TOKEN_FILE") else {
      throw .absent("AWS_WEB_IDENTITY_TOKEN_FILE is not set")
    }
    guard let role = environment.variable("AWS_ROLE_ARN") else {
      throw .broken("AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not")
    }
    return try webIdentity(
      WebIdentity(tokenFile: file, role: role, sessionName: environment.variable("AWS_ROLE_SESSION_NAME")),
      region: region)
  }

  /// AssumeRoleWithWebIdentity: a token that the platform (Kubernetes) puts in a file, for a role's keys. Not signed.
  func webIdentity(_ identity: WebIdentity, region: String?) throws(CredentialFailure) -> Credentials {
    guard let bytes = try environment.readFile(identity.tokenFile) else {
      throw .broken("the web identity token file \(identity.tokenFile) is missing")
    }
    let token = trimmed(bytes)
    guard !token.isEmpty else { throw .broken("the web identity token file \(identity.tokenFile) is empty") }
    return try assume(
      action: "AssumeRoleWithWebIdentity", role: identity.role,
      parameters: [
        ("RoleSessionName", identity.sessionName ?? "tributary"), ("WebIdentityToken", token),
      ], signing: nil, region: region, secrets: [token])
  }

  struct RoleOptions {
    var role: String
    var sessionName: String?
    var externalID: String?
    var durationSeconds: String?
  }

  /// AssumeRole: other credentials for a role's keys.
  func role(
    _ options: RoleOptions, with credentials: Credentials, region: String?
  ) throws(CredentialFailure) -> Credentials {
    var parameters = [("RoleSessionName", options.sessionName ?? "tributary")]
    if let id = options.externalID { parameters.append(("ExternalId", id)) }
    if let seconds = options.durationSeconds { parameters.append(("DurationSeconds", seconds)) }
    return try assume(
      action: "AssumeRole", role: options.role, parameters: parameters, signing: credentials, region: region,
      secrets: credentials.secrets)
  }

  private func assume(
    action: String, role: String, parameters: [(String, String)], signing: Credentials?, region: String?,
    secrets: [String]
  ) throws(CredentialFailure) -> Credentials {
    let address: String
    if let custom = environment.variable("AWS_ENDPOINT_URL_STS") ?? environment.variable("AWS_ENDPOINT_URL") {
      address = custom
    } else if let region {
      address = "https://sts.\(region).\(S3Endpoint.domain(ofRegion: region))/"
    } else {
      address = "https://sts.amazonaws.com/"
    }
    var request = try CredentialHTTP.request("POST", address)
    let form = [("Action", action), ("Version", "2011-06-15"), ("RoleArn", role)] + parameters
    let body = Array(SignatureV4.encodedQuery(form.map { (name: $0.0, value: $0.1) }).utf8)
    request.body = body
    request.headers = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
    if let signing {
      let signer = SignatureV4(
        accessKey: signing.accessKey, secretKey: signing.secretKey, token: signing.token,
        region: region ?? "us-east-1", service: "sts", time: environment.now(), normalizesPath: true)
      request.headers += signer.signingHeaders(
        .init(
          method: "POST", path: request.path, headers: request.headers + [("Host", request.authority)],
          payloadHash: SHA256.hex(SHA256.digest(body))))
    }
    let response = try http.send(request, attempts: 3)
    let answer: SecurityTokenAnswer
    do throws(MalformedAnswer) {
      answer = try SecurityTokenAnswer(response.body)
    } catch {
      throw .broken("\(action) for \(role): status \(response.status), \(error.description)")
    }
    guard response.status == 200, let access = answer.accessKey, let secret = answer.secretKey else {
      let reason = Redaction(secrets).apply(answer.problem ?? "no keys in the answer")
      throw .broken("\(action) for \(role) was refused: status \(response.status), \(reason)")
    }
    return Credentials(
      accessKey: access, secretKey: secret, token: answer.token, expiration: answer.expiration,
      source: "role \(role)")
  }

  // MARK: Container endpoint

  /// ECS and EKS Pod Identity ("Container credential provider").
  func container() throws(CredentialFailure) -> Credentials {
    let address: String
    if let relative = environment.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
      guard relative.hasPrefix("/") else {
        throw .broken("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /")
      }
      address = "http://169.254.170.2" + relative
    } else if let full = environment.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
      guard let url = Address(full) else {
        throw .broken("AWS_CONTAINER_CREDENTIALS_FULL_URI is not an http(s) address")
      }
      guard url.isTLS || Self.mayBePlain(url.host) else {
        throw .broken(
          "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http is allowed to this machine and its container agent only"
        )
      }
      address = full
    } else {
      throw .absent("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set")
    }
    var request = try CredentialHTTP.request("GET", address)
    request.usesProxy = false
    if let token = try containerToken() {
      guard token.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
        throw .broken("the container authorization token holds a line break")
      }
      request.headers.append(("Authorization", token))
    }
    let response = try http.send(request, attempts: 3)
    guard response.status == 200 else {
      throw .broken("the container endpoint answers with status \(response.status)")
    }
    return try CredentialHTTP.credentials(
      json: response.body, tokenName: "Token", source: "the container endpoint")
  }

  private func containerToken() throws(CredentialFailure) -> String? {
    if let file = environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
      guard let bytes = try environment.readFile(file) else {
        throw .broken("the container authorization token file \(file) is missing")
      }
      return trimmed(bytes)
    }
    return environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")
  }

  private static func mayBePlain(_ host: String) -> Bool {
    host == "localhost" || host.hasPrefix("127.") || host == "[::1]" || host == "169.254.170.2"
      || host == "169.254.170.23" || host == "[fd00:ec2::23]"
  }

  // MARK: Instance metadata

  /// EC2 instance metadata, version 2 only (version 1 can be reached through a careless proxy on the machine).
  func instanceMetadata() throws(CredentialFailure) -> Credentials {
    if environment.variable("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" {
      throw .absent("AWS_EC2_METADATA_DISABLED is true")
    }
    let base = environment.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
    let root = base.hasSuffix("/") ? String(base.dropLast()) : base
    func request(_ method: String, _ path: String) throws(CredentialFailure) -> HTTPRequest {
      var request = try CredentialHTTP.request(method, root + path)
      request.usesProxy = false
      request.timeouts = HTTPTimeouts(connectMilliseconds: 1000, stallSeconds: 2, totalMilliseconds: 2000)
      return request
    }
    var tokenRequest = try request("PUT", "/latest/api/token")
    tokenRequest.body = []
    tokenRequest.headers = [("X-aws-ec2-metadata-token-ttl-seconds", "21600")]
    let tokenResponse = try http.send(tokenRequest, attempts: 2)
    let token = trimmed(tokenResponse.body)
    guard tokenResponse.status == 200, !token.isEmpty, token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      throw .absent("instance metadata gives no session token (status \(tokenResponse.status))")
    }
    let header = ("X-aws-ec2-metadata-token", token)
    var roleRequest = try request("GET", "/latest/meta-data/iam/security-credentials/")
    roleRequest.headers = [header]
    let roleResponse = try http.send(roleRequest, attempts: 2)
    let role = String(trimmed(roleResponse.body).prefix { !$0.isNewline })
    guard roleResponse.status == 200, !role.isEmpty else {
      throw .absent("the instance has no role (instance metadata, status \(roleResponse.status))")
    }
    var keysRequest = try request(
      "GET", "/latest/meta-data/iam/security-credentials/\(PercentEncoding.encode(role))")
    keysRequest.headers = [header]
    let keys = try http.send(keysRequest, attempts: 2)
    guard keys.status == 200 else { throw .broken("instance metadata answers with status \(keys.status)") }
    return try CredentialHTTP.credentials(
      json: keys.body, tokenName: "Token", source: "instance metadata (role \(role))")
  }

  private func trimmed(_ bytes: [UInt8]) -> String {
    var rest = Substring(String(decoding: bytes, as: UTF8.self))
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }
}
