/// Lets the first of many alike log lines through and counts the others, so that a broker that is down is a line now
/// and then. Lines are alike if they differ in digits alone. A value; time is passed in.
struct LogCollapser {
  /// What is alike is shown again after this time, with the number of lines left out.
  static let quietMilliseconds: Int64 = 30_000
  private static let kindsMax = 100

  private var kinds: [String: (shownAt: Int64, hidden: Int)] = [:]

  init() {}

  /// The line to show, or nil.
  mutating func line(_ text: String, at milliseconds: Int64) -> String? {
    let kind = String(text.filter { !$0.isNumber })
    if let known = kinds[kind], milliseconds - known.shownAt < Self.quietMilliseconds {
      kinds[kind] = (known.shownAt, known.hidden + 1)
      return nil
    }
    let hidden = kinds[kind]?.hidden ?? 0
    // More kinds than anybody would read: start over rather than grow.
    if kinds.count >= Self.kindsMax { kinds = [:] }
    kinds[kind] = (milliseconds, 0)
    return hidden > 0 ? "\(text) (and \(hidden) more like it)" : text
  }
}
