import Console
import Worker

/// Dead letters as text.
struct DeadLetterReport {
  let style: TerminalStyle

  func list(_ listing: DeadLetterListing) -> String {
    guard !listing.letters.isEmpty else { return "no dead letters\n" + older(listing) }
    var counts = TextTable([
      .init("source"), .init("kind"), .init("reason", cutTo: 20), .init("count", isRight: true),
    ])
    for count in listing.counts {
      counts.append([count.source, count.kind.rawValue, count.reason, NumberText.grouped(count.count)])
    }
    var newest = TextTable([
      .init("id"), .init("source"), .init("input", cutTo: 16, keepsEnd: true), .init("row", isRight: true),
      .init("byte", isRight: true, isMinor: true), .init("reason", cutTo: 16), .init("state", isMinor: true),
    ])
    for letter in listing.letters {
      newest.append([
        letter.id, letter.source ?? "", input(letter), letter.row.map { "\($0)" } ?? "",
        letter.byte.map { "\($0)" } ?? "", letter.reason, letter.state == .open ? "" : letter.state.rawValue,
      ])
    }
    newest.dropEmptyColumns()
    return counts.render(style) + newest.render(style) + older(listing)
  }

  private func older(_ listing: DeadLetterListing) -> String {
    listing.notLookedAt == 0
      ? "" : "\(NumberText.counted(listing.notLookedAt, "older dead letter")) not looked at\n"
  }

  private func input(_ letter: DeadLetter) -> String {
    letter.object ?? letter.topic.map { "\($0)[\(letter.partition ?? 0)] \(letter.offset ?? 0)" } ?? ""
  }

  /// One letter with all that is known of it.
  func whole(_ letter: DeadLetter) -> String {
    var lines = [("dead letter", letter.id), ("state", letter.state.rawValue), ("kind", letter.kind.rawValue)]
    lines.append(("appended", InstantText.format(letter.appendedAt * 1000)))
    func add(_ name: String, _ value: (some CustomStringConvertible)?) {
      if let value { lines.append((name, "\(value)")) }
    }
    add("source", letter.source)
    add("input", input(letter))
    add("version", letter.version)
    add("row", letter.row)
    add("byte", letter.byte)
    add("column", letter.column)
    add("reason", letter.reason)
    add("message", letter.message)
    add("tries", letter.tries)
    add("attempt", letter.attempt)
    add("length", letter.length)
    add("raw", letter.raw)
    add("raw, base64", letter.rawBase64)
    let width = lines.map(\.0.count).max() ?? 0
    return lines.map { name, value in
      name + String(repeating: " ", count: width - name.count + 2) + DisplayText.printable(value) + "\n"
    }.joined()
  }
}
