/// The profiles of AWS's shared configuration and credentials files.
///
/// Grammar as in the AWS SDKs and Tools Reference Guide, "Shared config and credentials files": `[section]`, `key = value`,
/// `#` and `;` comments, and indented lines that belong to the key above (`s3 =` with `addressing_style = path`
/// below gives `s3.addressing_style`).
struct ProfileFile: Sendable, Equatable {
  private(set) var profiles: [String: [String: String]] = [:]

  enum Kind {
    /// `~/.aws/config`: profiles are `[default]` and `[profile name]`; other sections are not profiles.
    case configuration
    /// `~/.aws/credentials`: every section is a profile.
    case credentials
  }

  init() {}

  init(_ text: String, kind: Kind) {
    var section: String?
    var parent: String?
    for rawLine in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      let isIndented = rawLine.first == " " || rawLine.first == "\t"
      let line = Self.trim(rawLine)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
        section = Self.profileName(Self.trim(line[line.index(after: line.startIndex)..<end]), kind)
        parent = nil
        if let section { profiles[section, default: [:]] = profiles[section, default: [:]] }
        continue
      }
      guard let section, let equals = line.firstIndex(of: "=") else { continue }
      let key = Self.trim(line[..<equals]).lowercased()
      let value = Self.withoutComment(Self.trim(line[line.index(after: equals)...]))
      if isIndented, let parent {
        profiles[section, default: [:]]["\(parent).\(key)"] = value
      } else {
        profiles[section, default: [:]][key] = value
        parent = key
      }
    }
  }

  /// Lays `other` over this one, key by key: what stands in the credentials file goes before the configuration.
  func overlaid(with other: ProfileFile) -> ProfileFile {
    var merged = self
    for (name, values) in other.profiles {
      merged.profiles[name, default: [:]].merge(values) { $1 }
    }
    return merged
  }

  private static func profileName(_ header: String, _ kind: Kind) -> String? {
    switch kind {
    case .credentials: return header
    case .configuration:
      if header == "default" { return header }
      guard header.hasPrefix("profile "), header.utf8.count > 8 else { return nil }
      let name = trim(header.dropFirst(8))
      return name.hasPrefix("\"") && name.hasSuffix("\"") && name.count >= 2
        ? String(name.dropFirst().dropLast()) : name
    }
  }

  /// A comment behind a value begins with white space and `#` or `;` (secret keys may hold either without the space).
  private static func withoutComment(_ value: String) -> String {
    var isBehindSpace = false
    for index in value.indices {
      let character = value[index]
      if isBehindSpace, character == "#" || character == ";" { return trim(value[..<index]) }
      isBehindSpace = character == " " || character == "\t"
    }
    return value
  }

  private static func trim(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }
}
