internal import Notifications

/// Reads the answers of SQS' JSON protocol.
enum QueueAnswers {
  /// Of ReceiveMessage. A message without a receipt could not be deleted, so it makes the answer unreadable.
  static func messages(_ body: [UInt8]) throws(JSONFault) -> [SQSMessage] {
    try elements(body, "Messages") { reader throws(JSONFault) in
      var message = SQSMessage(id: "", body: [], receipt: "")
      try reader.object { name, reader throws(JSONFault) in
        switch name {
        case "MessageId": message.id = try text(&reader)
        case "Body": message.body = try reader.scalar() ?? []
        case "ReceiptHandle": message.receipt = try text(&reader)
        default: try reader.skip()
        }
      }
      guard !message.receipt.isEmpty else { throw JSONFault(reason: "a message has no receipt") }
      return message
    }
  }

  /// What a batch left out, by the entries' own ids.
  static func failures(_ body: [UInt8]) throws(JSONFault) -> [SQSRefusal] {
    try elements(body, "Failed") { reader throws(JSONFault) in
      var failure = SQSRefusal(id: "", code: "", message: "")
      try reader.object { name, reader throws(JSONFault) in
        switch name {
        case "Id": failure.id = try text(&reader)
        case "Code": failure.code = try text(&reader)
        case "Message": failure.message = try text(&reader)
        default: try reader.skip()
        }
      }
      return failure
    }
  }

  private static func elements<Element>(
    _ body: [UInt8], _ member: String, _ read: (inout JSONReader) throws(JSONFault) -> Element
  ) throws(JSONFault) -> [Element] {
    // An empty answer is an empty list.
    if body.isEmpty { return [] }
    let result = body.withUnsafeBytes { bytes -> Result<[Element], JSONFault> in
      do throws(JSONFault) {
        var elements: [Element] = []
        var reader = JSONReader(bytes)
        try reader.object { name, reader throws(JSONFault) in
          guard name == member, try reader.shape() == .array else { return try reader.skip() }
          try reader.array { reader throws(JSONFault) in elements.append(try read(&reader)) }
        }
        guard reader.isAtEnd() else { throw reader.fault("something follows its end") }
        return .success(elements)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private static func text(_ reader: inout JSONReader) throws(JSONFault) -> String {
    String(decoding: try reader.scalar() ?? [], as: UTF8.self)
  }
}
