internal import Glibc

/// The names of time zones that this machine's tz database knows.
///
/// The one place of this module that looks outside its arguments; a test may hand in another list.
public struct ZoneNames: Sendable {
  private let contains: @Sendable (String) -> Bool
  private let all: @Sendable () -> [String]

  /// Exactly these names.
  public init(_ names: [String]) {
    contains = { names.contains($0) }
    all = { names }
  }

  private init(contains: @escaping @Sendable (String) -> Bool, all: @escaping @Sendable () -> [String]) {
    self.contains = contains
    self.all = all
  }

  /// The database in `/usr/share/zoneinfo`.
  public static let system = ZoneNames(contains: isZoneFile, all: listed)

  func parse(_ text: String) throws(TextFault) -> String {
    if ZoneNames.universal.contains(text) || contains(text) { return text }
    let known = all()
    let hint =
      known.isEmpty
      ? "this machine has no tz database in \(ZoneNames.directory); install tzdata"
      : NearestName.find(text, among: known).map { "did you mean '\($0)'?" }
        ?? "write a name such as Europe/Paris or UTC"
    throw TextFault("\(quoted(text)) is not a time zone", hint: hint)
  }

  /// Known without a database, to the casts too.
  private static let universal: Set<String> = ["UTC", "GMT", "Etc/UTC"]

  private static let directory = "/usr/share/zoneinfo"

  @Sendable private static func isZoneFile(_ name: String) -> Bool {
    // Letters, digits and a few signs, no dot: the name cannot leave the directory.
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    // `right/…` counts leap seconds, which timestamps do not.
    guard parts.first != "right",
      parts.allSatisfy({ part in
        !part.isEmpty
          && part.utf8.allSatisfy { byte in
            isalnum(Int32(byte)) != 0 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
              || byte == UInt8(ascii: "+")
          }
      })
    else { return false }
    return read("\(directory)/\(name)", limit: 4).elementsEqual("TZif".utf8)
  }

  /// Zones and links of `tzdata.zi`, the database's text form.
  @Sendable private static func listed() -> [String] {
    let bytes = read("\(directory)/tzdata.zi", limit: 1 << 20)
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let words = line.split(separator: UInt8(ascii: " "))
      switch words.first?.first {
      case UInt8(ascii: "Z") where words.count > 1: return String(decoding: words[1], as: UTF8.self)
      case UInt8(ascii: "L") where words.count > 2: return String(decoding: words[2], as: UTF8.self)
      default: return nil
      }
    }
  }

  /// A file's first bytes; none if it cannot be read.
  private static func read(_ path: String, limit: Int) -> [UInt8] {
    guard let file = fopen(path, "rb") else { return [] }
    defer { fclose(file) }
    return [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      count = fread(buffer.baseAddress, 1, limit, file)
    }
  }
}
