import Columns
import Formats
import Foundation
import Testing

@Suite struct ZoneFilesTests {
  /// A directory with one zone: UTC+05:30 without changes, written out by hand.
  private func withZones(_ body: (ZoneFiles, String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("zones-\(UUID())")
    try FileManager.default.createDirectory(
      at: directory.appendingPathComponent("Asia"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    func header(types: UInt8, names: UInt8) -> [UInt8] {
      Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
        + [0, 0, 0, 0].flatMap { [0, 0, 0, $0] as [UInt8] } + [0, 0, 0, types, 0, 0, 0, names]
    }
    let type: [UInt8] = [0, 0, 0x4d, 0x58, 0, 0] + Array("IST\0".utf8)
    let file =
      header(types: 1, names: 4) + type + header(types: 1, names: 4) + type + Array("\nIST-5:30\n".utf8)
    try Data(file).write(to: directory.appendingPathComponent("Asia/Kolkata"))
    try Data(file).write(to: directory.appendingPathComponent("UTC"))
    try Data("no zone".utf8).write(to: directory.appendingPathComponent("Broken"))
    try body(ZoneFiles(directories: ["/nonexistent", directory.path]), directory.path)
  }

  @Test func zonesAreFoundByName() throws {
    try withZones { zones, _ in
      let cast = try Cast(type: .timestamp, time: .iso8601In(zone: "Asia/Kolkata"), zones: zones.rules)
      #expect(cast.literal("1970-01-01 05:30") == .timestamp(0))
    }
  }

  @Test(arguments: [
    "Asia/Nowhere", "Asia", "../Asia/Kolkata", "/etc/passwd", "", "Asia//Kolkata", "Asia/Kol kata",
  ])
  func otherNamesSayWhatToWrite(name: String) throws {
    try withZones { zones, _ in
      let error = #expect(throws: CastError.self) { try zones.rules(name) }
      #expect(error?.message.contains("'\(name)'") == true)
      #expect(error?.message.contains("Europe/Paris") == true)
    }
  }

  @Test func damagedFilesAreNamed() throws {
    try withZones { zones, directory in
      let error = #expect(throws: CastError.self) { try zones.rules("Broken") }
      #expect(error?.message.hasPrefix("\(directory)/Broken: ") == true)
    }
  }

  @Test func machinesWithoutZonesSayWhatToInstall() {
    let error = #expect(throws: CastError.self) {
      try ZoneFiles(directories: ["/nonexistent"]).rules("Europe/Paris")
    }
    #expect(error?.message.contains("tzdata") == true)
  }
}
