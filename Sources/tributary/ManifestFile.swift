import Console
import FoundationEssentials
import Pipeline
import Platform

/// A manifest that was read, and where.
struct ManifestFile {
  var manifest: Manifest
  var location: String
  var bytes: [UInt8]

  /// A manifest of 50,000 inputs has some 20 MB.
  private static let bytesMax: Int64 = 1 << 30

  /// What of `latest.json` matters here.
  private struct Pointer: Decodable { var manifest: String }
  /// What tells a manifest from other JSON documents, whatever its version.
  private struct Form: Decodable {
    var version: Int
    var fingerprint: String
    var tombstone: Bool?
  }

  /// Reads the manifest that `place` means: itself, of a snapshot's directory, or the newest of a target.
  static func read(_ place: String, _ stores: any StoreDirectory) throws(Failure) -> ManifestFile {
    do throws(StoreError) {
      for candidate in PlaceText.manifestCandidates(place) {
        switch candidate {
        case .manifest(let location):
          if let bytes = try contents(location, stores) { return try decode(bytes, location) }
        case .pointer(let location):
          guard let bytes = try contents(location, stores) else { continue }
          guard let pointer = try? JSONDecoder().decode(Pointer.self, from: Data(bytes)) else {
            throw refusal(location, "this names no manifest", "name a snapshot's directory or manifest.json")
          }
          let target = PlaceText.join(PlaceText.parent(location), pointer.manifest)
          guard let manifest = try contents(target, stores) else {
            throw refusal(target, "\(location) names this manifest, but it is gone", "name another snapshot")
          }
          return try decode(manifest, target)
        }
      }
    } catch {
      throw Failure(.failed, "\(error)")
    }
    throw Failure(
      .failed,
      "\(place): there is no snapshot here; name a manifest.json, a snapshot's directory or the place that "
        + "snapshots are published to")
  }

  /// nil where nothing is.
  private static func contents(_ location: String, _ stores: any StoreDirectory) throws(StoreError)
    -> [UInt8]?
  {
    let place = try stores.open(location)
    guard !place.path.isEmpty, !place.path.hasSuffix("/") else { return nil }
    let info: ObjectInfo
    do throws(StoreError) {
      info = try place.store.head(place.path)
    } catch {
      if error.code == .notFound { return nil }
      throw error
    }
    guard info.size <= bytesMax, let size = Int(exactly: info.size) else {
      throw refusal(
        location, "this has \(info.size) bytes, too many for a manifest", "is it the right object?")
    }
    let reader = try place.store.open(info)
    var bytes = [UInt8](repeating: 0, count: size)
    var filled = 0
    while filled < size {
      var problem: StoreError?
      let count = bytes.withUnsafeMutableBytes { buffer in
        do throws(StoreError) {
          return try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
        } catch {
          problem = error
          return 0
        }
      }
      if let problem { throw problem }
      if count == 0 { break }
      filled += count
    }
    return Array(bytes[..<filled])
  }

  private static func decode(_ bytes: [UInt8], _ location: String) throws(StoreError) -> ManifestFile {
    let data = Data(bytes)
    let decoder = JSONDecoder()
    guard let form = try? decoder.decode(Form.self, from: data) else {
      throw refusal(
        location, "this is not a manifest of Tributary",
        "name a manifest.json, a snapshot's directory or the place that snapshots are published to")
    }
    if form.tombstone == true {
      let message = (try? decoder.decode(Tombstone.self, from: data))?.message
      throw refusal(
        location, message ?? "the snapshot that was here was removed by retention", "inspect another snapshot")
    }
    guard form.version <= Manifest.currentVersion else {
      throw refusal(
        location,
        "this manifest has form \(form.version); tributary \(programVersion) knows forms up to "
          + "\(Manifest.currentVersion)", "use the program that made it, or a newer one")
    }
    do {
      return ManifestFile(
        manifest: try decoder.decode(Manifest.self, from: data), location: location, bytes: bytes)
    } catch {
      throw refusal(location, "this manifest cannot be read: \(reason(error))", "was it edited?")
    }
  }

  private static func reason(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): return "'\(place(context.codingPath + [key]))' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      return "'\(place(context.codingPath))' is not what it should be"
    default: return "\(error)"
    }
  }

  private static func refusal(_ location: String, _ message: String, _ hint: String) -> StoreError {
    StoreError(.protocolViolation, operation: "read", location: location, message: message, hint: hint)
  }
}
