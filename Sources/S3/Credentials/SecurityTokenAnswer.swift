/// What the security token service answers, keys or refusal.
struct SecurityTokenAnswer {
  private(set) var accessKey: String?
  private(set) var secretKey: String?
  private(set) var token: String?
  private(set) var expiration: Timestamp?
  /// Code and message of a refusal.
  private(set) var problem: String?

  init(_ xml: [UInt8]) throws(MalformedAnswer) {
    var reader = XMLReader(xml)
    var code = ""
    var message = ""
    while let element = try reader.next() {
      let parent = element.path.dropLast().last
      switch (parent, element.name) {
      case ("Credentials", "AccessKeyId"): accessKey = element.text
      case ("Credentials", "SecretAccessKey"): secretKey = element.text
      case ("Credentials", "SessionToken"): token = element.text
      case ("Credentials", "Expiration"):
        guard let time = Timestamp(iso8601: element.text) else {
          throw MalformedAnswer(description: "the answer's expiration is no time")
        }
        expiration = time
      case ("Error", "Code"): code = element.text
      case ("Error", "Message"): message = element.text
      default: break
      }
    }
    if !code.isEmpty { problem = "\(code): \(message)" }
  }
}
