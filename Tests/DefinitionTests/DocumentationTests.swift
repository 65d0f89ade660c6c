import Foundation
import Testing

@testable import Definition

/// Every example of docs/definition.md is a definition, or a part that fits into the page's first one.
@Suite struct DocumentationTests {
  @Test func everyExampleIsGood() throws {
    let examples = try examples()
    #expect(examples.count >= 12)
    let base = try #require(examples.first)
    #expect(Outcome(base).problems == [])
    for example in examples.dropFirst() {
      let outcome = Outcome(merge(example, into: base))
      #expect(outcome.problems == [], "\(example)")
      #expect(outcome.warnings == [], "\(example)")
    }
  }

  /// The page names every key there is.
  @Test func everyKeyIsExplained() throws {
    let page = try page()
    let keys =
      KnownKeys.definition + KnownKeys.source + KnownKeys.csv + KnownKeys.column + KnownKeys.snapshot
      + KnownKeys.parquet
      + KnownKeys.csvOutput + KnownKeys.store + [
        "salt", "by", "at", "label", "topic", "sqs", "list", "reconcile", "kafka",
      ]
    for key in keys { #expect(page.contains("`\(key)`") || page.contains("{\(key): "), "\(key)") }
  }

  private func page() throws -> String {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../docs/definition.md")
    return try String(contentsOf: file.standardizedFileURL, encoding: .utf8)
  }

  private func examples() throws -> [String] {
    try page().components(separatedBy: "```yaml\n").dropFirst().compactMap {
      $0.components(separatedBy: "```\n").first
    }
  }

  /// A top-level section replaces the base's; what stands below `sources` and `features` is put beside the base's.
  private func merge(_ part: String, into base: String) -> String {
    var sections = sections(of: base)
    for (name, lines) in self.sections(of: part) {
      if let index = sections.firstIndex(where: { $0.name == name }) {
        if name == "sources" || name == "features" {
          let added = Set(lines.dropFirst().filter(isName))
          sections[index].lines = without(added, sections[index].lines) + lines.dropFirst()
        } else {
          sections[index].lines = lines
        }
      } else {
        sections.append((name, lines))
      }
    }
    return sections.flatMap(\.lines).joined(separator: "\n") + "\n"
  }

  private func isName(_ line: String) -> Bool { line.hasPrefix("  ") && !line.hasPrefix("   ") }

  /// Lines of a section without the blocks that begin with some names.
  private func without(_ names: Set<String>, _ lines: [String]) -> [String] {
    let wanted = Set(names.map { $0.prefix { $0 != ":" } })
    var isLeftOut = false
    return lines.filter { line in
      if !line.hasPrefix("   ") { isLeftOut = isName(line) && wanted.contains(line.prefix { $0 != ":" }) }
      return !isLeftOut
    }
  }

  private func sections(of text: String) -> [(name: String, lines: [String])] {
    var found: [(name: String, lines: [String])] = []
    for line in text.components(separatedBy: "\n") where !line.isEmpty {
      if line.first == " ", !found.isEmpty {
        found[found.count - 1].lines.append(line)
      } else {
        found.append((String(line.prefix { $0 != ":" }), [line]))
      }
    }
    return found
  }
}
