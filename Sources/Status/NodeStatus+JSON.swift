internal import FoundationEssentials

extension NodeStatus {
  /// The document, members in the order of their names.
  public var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    // Numbers that JSON has no word for are all that an encoder refuses.
    return Array((try? encoder.encode(self)) ?? Data()) + [0x0a]
  }

  /// Reads what ``json`` wrote; nil if it is something else.
  public init?(json: [UInt8]) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let status = try? decoder.decode(NodeStatus.self, from: Data(json)) else { return nil }
    self = status
  }
}
