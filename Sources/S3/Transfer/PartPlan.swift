/// How an object of unknown length is cut into at most 10,000 parts.
enum PartPlan {
  /// S3's bound.
  static let partsMax = 10_000
  private static let bytesMax = 64 << 20
  private static let partsBeforeDoubling = 1000

  /// The size of part `number` (from 1): doubles every 1,000 parts up to 64 MiB. With 8 MiB to begin with, 10,000 parts hold
  /// 492 GiB, while an object of a few MiB is not held in memory for long.
  static func bytes(ofPart number: Int, first: Int) -> Int {
    let doublings = min((number - 1) / partsBeforeDoubling, 6)
    return max(first, min(bytesMax, first << doublings))
  }

  /// The body of CompleteMultipartUpload, parts numbered from 1.
  static func completion(_ tags: [String]) -> String {
    let parts = tags.enumerated().map { index, tag in
      "<Part><PartNumber>\(index + 1)</PartNumber><ETag>&quot;\(escaped(tag))&quot;</ETag></Part>"
    }
    return "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())"
      + "</CompleteMultipartUpload>"
  }

  private static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
