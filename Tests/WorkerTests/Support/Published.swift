import Digests
import Foundation
import Pipeline
import TestKit

@testable import Worker

/// What a reader finds below a target.
struct Published {
  var objects: MemoryObjects
  var to = "out"

  func manifest(_ id: String) throws -> Manifest? {
    try objects["\(to)/snapshot=\(id)/manifest.json"].map { try JSONDecoder().decode(Manifest.self, from: Data($0)) }
  }

  func latest() throws -> LatestPointer? {
    try objects["\(to)/latest.json"].map { try JSONDecoder().decode(LatestPointer.self, from: Data($0)) }
  }

  /// What is wrong with a snapshot: parts that are missing or other than the manifest says, and files that it does not
  /// name. Empty for one that was not published and left nothing that could be taken for one.
  func problems(_ id: String) throws -> [String] {
    guard let manifest = try manifest(id) else { return [] }
    var problems: [String] = []
    let folder = "\(to)/snapshot=\(id)/"
    for part in manifest.parts {
      guard let bytes = objects[folder + part.key] else {
        problems.append("\(part.key) is missing")
        continue
      }
      let hash = SHA256()
      bytes.withUnsafeBytes { hash.update($0) }
      if bytes.count != part.bytes || hash.finishHex() != part.sha256 { problems.append("\(part.key) has other bytes") }
    }
    let named = Set(manifest.parts.map(\.key) + manifest.rejected.parts + ["manifest.json"])
    for key in objects.keys where key.hasPrefix(folder) && !named.contains(String(key.dropFirst(folder.count))) {
      problems.append("\(key) is in no manifest")
    }
    for key in manifest.rejected.parts where objects[folder + key] == nil { problems.append("\(key) is missing") }
    return problems
  }

  /// The rows of the CSV parts, all splits, sorted.
  func rows(_ id: String) throws -> [String] {
    guard let manifest = try manifest(id) else { return [] }
    return manifest.parts.flatMap { part in
      String(decoding: objects["\(to)/snapshot=\(id)/\(part.key)"] ?? [], as: UTF8.self)
        .split(separator: "\n").dropFirst().map { "\(part.split) \($0)" }
    }.sorted()
  }

  /// The lines of the rejected rows, in order.
  func rejected(_ id: String) throws -> String {
    guard let manifest = try manifest(id) else { return "" }
    return manifest.rejected.parts.map { String(decoding: objects["\(to)/snapshot=\(id)/\($0)"] ?? [], as: UTF8.self) }
      .joined()
  }
}
