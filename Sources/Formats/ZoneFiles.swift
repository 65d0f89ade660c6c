public import Columns
internal import Glibc

/// The system's time zone database (TZif files), read when a definition names a zone.
public struct ZoneFiles: Sendable {
  private let directory: String

  /// `directory`: by default `TZDIR`, else `/usr/share/zoneinfo`.
  public init(directory: String? = nil) {
    self.directory = directory ?? getenv("TZDIR").map { String(cString: $0) } ?? "/usr/share/zoneinfo"
  }

  /// The rules of an IANA zone; nil if the database has no such zone. Throws when there is no database at all.
  public func rules(for name: String) throws(CastError) -> TimeZoneRules? {
    // Zone names are letters, digits and `_ + - /`: nothing that leaves the directory.
    let isPlain = name.utf8.allSatisfy { byte in
      (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || "_+-/".utf8.contains(byte)
    }
    guard isPlain, !name.hasPrefix("/"), !name.isEmpty else { return nil }
    guard let file = fopen("\(directory)/\(name)", "rb") else {
      if access(directory, R_OK) != 0 {
        throw CastError("there is no time zone database in \(directory); install tzdata or set TZDIR")
      }
      return nil
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return try TimeZoneRules.parse(tzif: Array(bytes.prefix(count)))
  }
}
