import Foundation
import Platform
import Synchronization
import Testing

@testable import S3

struct CredentialTests {
  private func chain(
    _ environment: S3Environment, profile: String? = nil, region: String? = nil
  ) throws -> CredentialChain {
    CredentialChain(
      environment: environment, profiles: try Profiles(environment: environment, asked: profile),
      askedProfile: profile, region: region)
  }

  private func keys(_ chain: CredentialChain) throws -> Credentials {
    guard case .signed(let keys) = try chain.current() else { throw SeaweedServer.Unusable(description: "anonymous") }
    return keys
  }

  private static let configuration = """
    # a comment
    [default]
    region = eu-central-1
    [profile prod]
    aws_access_key_id=AKCONFIG
    aws_secret_access_key = sec#ret;x   # a comment
    s3 =
      addressing_style = path
      max_concurrent_requests = 5
    region=eu-west-1
    [profile "two words"]
    credential_process = /opt/helper --flag "a b" 'c d'
    [profile role]
    role_arn = arn:aws:iam::1:role/x
    source_profile = prod
    external_id = ext
    [profile loop]
    role_arn = arn:aws:iam::1:role/y
    source_profile = loop2
    [profile loop2]
    role_arn = arn:aws:iam::1:role/z
    source_profile = loop
    [profile self]
    role_arn = arn:aws:iam::1:role/self
    source_profile = self
    aws_access_key_id = AKSELF
    aws_secret_access_key = selfsecret
    [profile sso]
    sso_session = corp
    [sso-session corp]
    sso_start_url = https://x
    [profile mfa]
    role_arn = arn:aws:iam::1:role/m
    mfa_serial = arn:x
    source_profile = prod
    [profile half]
    aws_access_key_id = AK
    """
  private static let files = [
    "/h/.aws/config": configuration,
    "/h/.aws/credentials":
      "[default]\naws_access_key_id = AKFILE\r\naws_secret_access_key = filesecret\naws_session_token=tok\n",
  ]

  @Test func theEnvironmentGoesFirst() throws {
    let environment = S3Environment.fake(
      ["AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "HOME": "/h"],
      files: Self.files)
    let found = try keys(try chain(environment))
    #expect(found.accessKey == "AKENV" && found.secretKey == "s" && found.token == "t")
    // A profile that was asked for by name is meant, whatever the environment holds.
    #expect(try keys(try chain(environment, profile: "prod")).accessKey == "AKCONFIG")
  }

  @Test func profilesAreReadAsTheToolsWriteThem() throws {
    let environment = S3Environment.fake(["HOME": "/h"], files: Self.files)
    let found = try keys(try chain(environment))
    #expect(found.accessKey == "AKFILE" && found.secretKey == "filesecret" && found.token == "tok")
    var other = environment
    other.variables["AWS_PROFILE"] = "prod"
    #expect(try keys(try chain(other)).secretKey == "sec#ret;x")
    let profiles = try Profiles(environment: other, asked: nil)
    #expect(profiles.setting("region") == "eu-west-1")
    #expect(profiles.setting("s3.addressing_style") == "path")
    #expect(profiles.file.profiles["sso-session corp"] == nil)
    let moved = S3Environment.fake(
      ["AWS_SHARED_CREDENTIALS_FILE": "/c", "AWS_CONFIG_FILE": "/d"],
      files: ["/c": "[default]\naws_access_key_id=A\naws_secret_access_key=B"])
    #expect(try keys(try chain(moved)).accessKey == "A")
  }

  @Test func aHelperProgramIsRun() throws {
    var environment = S3Environment.fake(["HOME": "/h"], files: Self.files)
    environment.runProcess = { command in
      #expect(CredentialProcess.split(command) == ["/opt/helper", "--flag", "a b", "c d"])
      return Array(
        #"{"Version":1,"AccessKeyId":"AKP","SecretAccessKey":"sp","SessionToken":"tp","Expiration":"2030-01-01T00:00:00Z"}"#
          .utf8)
    }
    let found = try keys(try chain(environment, profile: "two words"))
    #expect(found.accessKey == "AKP" && found.token == "tp" && found.expiration != nil)
    #expect(try CredentialProcess.run("printf '%s' 'a  b'") == Array("a  b".utf8))
    #expect(throws: CredentialFailure.self) { try CredentialProcess.run("false") }
    #expect(throws: CredentialFailure.self) { try CredentialProcess.run("no-such-program-here") }
    #expect(throws: CredentialFailure.self) { try CredentialProcess.run("  ") }
  }

  private static func assumed(_ access: String, ends: String = "2030-01-01T00:00:00Z") -> FakeTransport.Reply {
    .init(
      200,
      "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>\(access)</AccessKeyId>"
        + "<SecretAccessKey>rolesecret</SecretAccessKey><SessionToken>roletoken</SessionToken><Expiration>\(ends)</Expiration>"
        + "</Credentials></AssumeRoleResult></AssumeRoleResponse>")
  }

  @Test func aRoleIsAssumedWithItsSourcesKeys() throws {
    let transport = FakeTransport { _, _ in Self.assumed("AKROLE") }
    let environment = S3Environment.fake(["HOME": "/h"], files: Self.files, transport: transport)
    let found = try keys(try chain(environment, profile: "role", region: "eu-north-1"))
    #expect(found.accessKey == "AKROLE" && found.token == "roletoken")
    let request = try #require(transport.seen.first)
    #expect(request.authority == "sts.eu-north-1.amazonaws.com" && request.isTLS && request.method == "POST")
    let body = String(decoding: request.body ?? [], as: UTF8.self)
    #expect(body.contains("Action=AssumeRole&") && body.contains("ExternalId=ext"))
    #expect(
      request.headers.contains { $0.name == "Authorization" && $0.value.contains("AKCONFIG/20231114/eu-north-1/sts") })
    // A profile may be its own source: its keys assume its role.
    #expect(try keys(try chain(environment, profile: "self", region: "eu-north-1")).accessKey == "AKROLE")
    #expect(transport.seen.last?.headers.contains { $0.value.contains("AKSELF") } == true)
  }

  @Test func webIdentityTradesATokenForKeys() throws {
    let transport = FakeTransport { _, _ in Self.assumed("AKWEB") }
    let environment = S3Environment.fake(
      [
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:r",
        "AWS_ENDPOINT_URL_STS": "http://sts.local:8080",
      ],
      files: ["/token": "jwt.jwt.jwt\n"], transport: transport)
    #expect(try keys(try chain(environment)).accessKey == "AKWEB")
    let request = try #require(transport.seen.first)
    #expect(request.url == "http://sts.local:8080/")
    #expect(!request.headers.contains { $0.name == "Authorization" })
    #expect(String(decoding: request.body ?? [], as: UTF8.self).contains("WebIdentityToken=jwt.jwt.jwt"))
  }

  @Test func aRefusalNamesTheReasonAndNoSecret() throws {
    let transport = FakeTransport { _, _ in
      .init(
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no sec#ret;x for you</Message></Error></ErrorResponse>"
      )
    }
    let environment = S3Environment.fake(["HOME": "/h"], files: Self.files, transport: transport)
    let chain = try chain(environment, profile: "role")
    let error = try #require(failure { () throws(StoreError) in try chain.current() })
    #expect(error.message.contains("AccessDenied") && !"\(error)".contains("sec#ret"))
  }

  @Test(arguments: ["loop", "sso", "mfa", "half", "missing"])
  func aProfileThatCannotBeUsedSaysWhy(_ name: String) throws {
    let environment = S3Environment.fake(["HOME": "/h"], files: Self.files)
    let chain = try chain(environment, profile: name)
    let error = try #require(failure { () throws(StoreError) in try chain.current() })
    #expect(error.code == .forbidden && error.message.contains(name))
  }

  @Test func aContainersEndpointGivesKeys() throws {
    let transport = FakeTransport { _, _ in
      .init(200, #"{"AccessKeyId":"AKC","SecretAccessKey":"s","Token":"t","Expiration":"2030-01-01T00:00:00Z"}"#)
    }
    let variables = [
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x?id=1", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "wrong",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/t",
    ]
    let environment = S3Environment.fake(variables, files: ["/t": "bearer\n"], transport: transport)
    #expect(try keys(try chain(environment)).accessKey == "AKC")
    let request = try #require(transport.seen.first)
    #expect(request.url == "http://169.254.170.2/v2/x?id=1" && !request.usesProxy)
    #expect(request.headers.contains { $0.name == "Authorization" && $0.value == "bearer" })
    // Plain http to another machine would show the token to the network.
    let stray = S3Environment.fake(["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/c"], transport: transport)
    let strayChain = try chain(stray)
    #expect(code { () throws(StoreError) in try strayChain.current() } == .forbidden)
    #expect(transport.seen.count == 1)
    let near = S3Environment.fake(["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:99/c"], transport: transport)
    #expect(try keys(try chain(near)).accessKey == "AKC")
  }

  @Test func instanceMetadataNeedsASessionToken() throws {
    let transport = FakeTransport { request, _ in
      switch (request.method, request.path) {
      case ("PUT", "/latest/api/token"):
        return request.headers.contains { $0.name.contains("ttl") } ? .init(200, "TOKEN==") : .init(400)
      case ("GET", "/latest/meta-data/iam/security-credentials/"): return .init(200, "my-role\n")
      case ("GET", "/latest/meta-data/iam/security-credentials/my-role"):
        guard request.headers.contains(where: { $0.name == "X-aws-ec2-metadata-token" && $0.value == "TOKEN==" }) else {
          return .init(401)
        }
        return .init(
          200,
          #"{"Code":"Success","AccessKeyId":"AKI","SecretAccessKey":"s","Token":"t","Expiration":"2030-01-01T00:00:00Z"}"#
        )
      default: return .init(404)
      }
    }
    let environment = S3Environment.fake(transport: transport)
    let found = try keys(try chain(environment))
    #expect(found.accessKey == "AKI" && found.source.contains("my-role"))
    #expect(transport.seen.allSatisfy { $0.authority == "169.254.169.254" && !$0.usesProxy })
    let disabled = S3Environment.fake(["AWS_EC2_METADATA_DISABLED": "true"], transport: transport)
    let disabledChain = try chain(disabled)
    #expect(code { () throws(StoreError) in try disabledChain.current() } == .forbidden)
  }

  @Test func theErrorListsWhatWasTried() throws {
    let chain = try chain(S3Environment.fake(["HOME": "/h"]))
    let error = try #require(failure { () throws(StoreError) in try chain.current() })
    for place in ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "/h/.aws/config", "CONTAINER", "169.254.169.254"]
    {
      #expect(error.message.contains(place), "\(place) in \(error.message)")
    }
    #expect(error.hint.contains("AWS_PROFILE"))
  }

  @Test func aHalfSetEnvironmentIsNotPassedOver() throws {
    let chain = try chain(S3Environment.fake(["AWS_ACCESS_KEY_ID": "A", "HOME": "/h"], files: Self.files))
    let error = failure { () throws(StoreError) in try chain.current() }
    #expect(error?.message.contains("AWS_SECRET_ACCESS_KEY is not") == true)
  }

  @Test func anonymousIsNotSigned() throws {
    let anonymous = try chain(S3Environment.fake(["AWS_ACCESS_KEY_ID": "A"]), profile: "anonymous")
    #expect(try anonymous.current() == .anonymous)
  }

  @Test func keysAreRenewedBeforeTheyEndAndKeptWhileTheServiceIsAway() throws {
    let clock = Mutex<Int64>(1_700_000_000)
    let away = Mutex(false)
    let transport = FakeTransport { _, number throws(TransportFailure) in
      if away.withLock({ $0 }) { throw TransportFailure(kind: .connect, message: "refused") }
      // Each set of keys lasts an hour from the clock's start.
      let ends = Timestamp(microseconds: (1_700_000_000 + Int64(number + 1) * 3600) * 1_000_000).basic
      let text =
        "\(ends.prefix(4))-\(ends.dropFirst(4).prefix(2))-\(ends.dropFirst(6).prefix(2))T"
        + "\(ends.dropFirst(9).prefix(2)):\(ends.dropFirst(11).prefix(2)):\(ends.dropFirst(13).prefix(2))Z"
      return .init(200, #"{"AccessKeyId":"AK\#(number)","SecretAccessKey":"s","Token":"t","Expiration":"\#(text)"}"#)
    }
    var environment = S3Environment.fake(
      ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c", "AWS_EC2_METADATA_DISABLED": "true"], transport: transport)
    environment.now = { Timestamp(microseconds: clock.withLock { $0 } * 1_000_000) }
    let chain = try chain(environment)
    let first = onThreads(8) { _ in try? chain.current() }
    #expect(transport.seen.count == 1)
    #expect(Set(first.map { "\(String(describing: $0))" }).count == 1)
    #expect(try keys(chain).accessKey == "AK0")
    clock.withLock { $0 += 3600 - 200 }
    #expect(try keys(chain).accessKey == "AK1")
    away.withLock { $0 = true }
    clock.withLock { $0 += 3600 - 100 }
    #expect(try keys(chain).accessKey == "AK1")
    let asked = transport.seen.count
    #expect(try keys(chain).accessKey == "AK1")
    #expect(transport.seen.count == asked)
    clock.withLock { $0 += 1000 }
    #expect(code { () throws(StoreError) in try chain.current() } == .forbidden)
  }

  @Test func credentialsDoNotShowThemselves() {
    let keys = Credentials(accessKey: "AKSHOWN", secretKey: "topsecret", token: "tokentoken", source: "a test")
    var dumped = ""
    dump(keys, to: &dumped)
    dump(Authorization.signed(keys), to: &dumped)
    for text in ["\(keys)", String(reflecting: keys), "\(Authorization.signed(keys))", dumped] {
      #expect(!text.contains("topsecret") && !text.contains("tokentoken") && !text.contains("AKSHOWN"), "\(text)")
    }
  }
}
