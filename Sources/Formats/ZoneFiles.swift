public import Columns
import Glibc

/// The time zone files that tzdata installs: where ``Cast`` gets the rules of the zones that a definition names.
///
/// A plain value; `rules` reads one small file a call. Pass it as `zones: ZoneFiles.system.rules`.
public struct ZoneFiles: Sendable {
  /// Looked at in this order.
  public let directories: [String]

  /// No zone's file is larger than a few kilobytes; what is larger is not one.
  private static let bytesMax = 1 << 20

  public init(directories: [String]) { self.directories = directories }

  /// `TZDIR` if it is set, else where systems keep the files.
  public static var system: ZoneFiles {
    if let directory = getenv("TZDIR"), directory.pointee != 0 {
      return ZoneFiles(directories: [String(cString: directory)])
    }
    return ZoneFiles(directories: ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"])
  }

  /// The rules of the zone with this IANA name. Throws where the name is not one, where it has no file, where the
  /// machine has no such files at all (slim container images leave tzdata out), or where the file cannot be used.
  public func rules(_ name: String) throws(CastError) -> TimeZoneRules? {
    guard ZoneFiles.isName(name) else {
      throw CastError("'\(name)' is not a time zone's name; write an IANA name such as Europe/Paris")
    }
    for directory in directories {
      guard let bytes = ZoneFiles.read(directory + "/" + name) else { continue }
      do {
        return try TimeZoneRules.parse(tzif: bytes)
      } catch {
        throw CastError("\(directory)/\(name): \(error.message)")
      }
    }
    // Every installation has this one.
    let hasFiles = directories.contains { ZoneFiles.read($0 + "/UTC") != nil }
    throw CastError(
      hasFiles
        ? "the time zone '\(name)' is not known (\(directories.joined(separator: ", "))); "
          + "write an IANA name such as Europe/Paris"
        : "the time zone '\(name)' cannot be looked up: this machine has no time zone data in "
          + "\(directories.joined(separator: ", ")); install the package tzdata, or set TZDIR to its directory"
    )
  }

  /// Letters, digits, `_ + -` in parts between slashes: nothing that leads out of the directory.
  private static func isName(_ name: String) -> Bool {
    name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty
        && part.utf8.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"):
            true
          default: false
          }
        }
    }
  }

  /// A file's bytes; nil if it cannot be read (a directory cannot).
  private static func read(_ path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    var count = 0
    while count < bytesMax {
      if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: bytes.count)) }
      let got = bytes.withUnsafeMutableBytes {
        Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
      }
      if got < 0 && errno == EINTR { continue }
      if got < 0 { return nil }
      if got == 0 { return Array(bytes[..<count]) }
      count += got
    }
    return nil
  }
}
