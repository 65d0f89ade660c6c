internal import Columns

/// Times as the manifest writes them.
enum TimeText {
  static func iso(_ microseconds: Int64) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ValueText.capacity) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      let length = Calendar.formatTimestamp(microseconds, into: base)
      return String(decoding: UnsafeBufferPointer(start: base, count: length), as: UTF8.self)
    }
  }
}
