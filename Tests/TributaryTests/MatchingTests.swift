import Definition
import Foundation
import LocalStore
import Platform
import TestKit
import Testing

@testable import Worker
@testable import tributary

/// What a notification brings in is what a listing would have found.
struct MatchingTests {
  private static let names = ["a", "b", "ab", "_a", ".b", "a.csv", "b.gz", "_SUCCESS", "x_$folder$", "ü", "[a]"]

  private static func path(_ random: inout SeededGenerator, names: [String]) -> String {
    (0..<random.int(1...4)).map { _ in random.pick(names) }.joined(separator: "/")
  }

  /// A place as somebody might write it: a key or the start of one, perhaps with wildcards.
  private static func place(_ random: inout SeededGenerator, of keys: [String]) -> String {
    var text = Array(random.pick(keys))
    if random.chance(3) { text = Array(text.prefix(random.int(0...text.count))) }
    for _ in 0..<random.pick([0, 0, 1, 2]) where !text.isEmpty {
      let at = random.int(0...text.count - 1)
      text.replaceSubrange(at...at, with: random.pick(["*", "?", "**", "[a-z]", "{a,b}", "*/"]))
    }
    return String(text) + random.pick(["", "", "/"])
  }

  private static func definition(_ location: String, _ random: inout SeededGenerator) throws -> Definition {
    let text = """
      dataset: d
      key: id
      sources:
        s:
          objects: "x"
          format: csv
          keep: latest
          columns: {id: string, n: int}
      features: {s: [n]}
      rows: {from: s}
      split: {train: 0.8, eval: 0.2, salt: v1}
      snapshot: {to: "s3://elsewhere/out", format: csv}
      """
    var definition = try DefinitionReader.read(text: text, file: "d.yaml").get().definition
    let globs = ["*.csv", "a*", "a/*", "**/b*", "b/**"]
    definition.sources[0].input = .objects(location)
    if random.chance(2) { definition.sources[0].include = [random.pick(globs)] }
    if random.chance(2) { definition.sources[0].exclude = [random.pick(globs)] }
    return definition
  }

  private func listed(_ definition: Definition, _ stores: any StoreDirectory) -> Set<String> {
    // No objects at all is a problem of a batch's; here it is an empty listing.
    guard let listing = try? InputListing(definition, stores: stores, topics: .none("")) else { return [] }
    return Set(listing.inputs.map(\.info.key))
  }

  @Test(arguments: 0..<40) func keysOfABucket(_ seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<25 {
      let keys = (0..<30).map { _ in
        Self.path(&random, names: Self.names + ["", ".", ".."]) + random.pick(["", "", "", "/"])
      }.filter { !$0.isEmpty }
      let location = "s3://b/" + Self.place(&random, of: keys)
      let definition = try Self.definition(location, &random)
      let stores = KeysOnly(keys: keys)
      let matcher = try SourceMatcher(definition, stores: stores)
      let matched = Set(keys.filter { matcher.sources(bucket: "b", key: $0) == [0] })
      #expect(listed(definition, stores) == matched, "seed \(seed): \(location) \(definition.sources[0])")
      #expect(keys.allSatisfy { matcher.sources(bucket: "c", key: $0).isEmpty })
    }
  }

  @Test(arguments: 0..<10) func filesOfADirectory(_ seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let root = FileManager.default.temporaryDirectory.path + "/matching-\(UInt64.random(in: 0...UInt64.max))"
    defer { try? FileManager.default.removeItem(atPath: root) }
    var files: [String] = []
    for _ in 0..<40 {
      let path = Self.path(&random, names: Self.names)
      // A file cannot lie where a directory does.
      if (try? LocalStore().put("\(root)/\(path)", [1], condition: .ifAbsent)) != nil { files.append(path) }
    }
    let stores = ConcreteStores(root: root, options: StoreOptions(endpoint: "http://127.0.0.1:9", region: "x"))
    let hostile = files.flatMap { file in
      [
        "../\(file)", "a/../\(file)", "./\(file)", "a//\(file)", "\(file)/../../../etc/passwd", "\(file)\u{0}",
        "/\(file)",
      ]
    }
    for _ in 0..<40 {
      let location = random.chance(4) ? "\(root)/" + random.pick(files) : Self.place(&random, of: files)
      // The whole machine's files are no test's business.
      if location.isEmpty || (location.hasPrefix("/") && !location.hasPrefix(root)) { continue }
      let definition = try Self.definition(location, &random)
      let matcher = try SourceMatcher(definition, stores: LocalOnly(base: stores))
      let candidates = files + files.map { "\(root)/\($0)" }
      let matched = Set(candidates.filter { matcher.sources(bucket: "", key: $0) == [0] })
      #expect(listed(definition, LocalOnly(base: stores)) == matched, "seed \(seed): \(location)")
      for key in hostile { #expect(matcher.sources(bucket: "", key: key).isEmpty, "seed \(seed): \(location) \(key)") }
    }
  }

  @Test(arguments: [
    ("data/", "data/a", true), ("data", "data/a", true), ("data", "data", true), ("data", "data_old/a", false),
    ("data//", "data/a", true), ("data/", "data/../a", false), ("data/", "data/x/../../a", false),
    ("../data/", "../data/a", true), ("../data/", "../data/../a", false), ("data/.*/x", "data/../x", false),
    ("data/.*/x", "data/.b/x", true), ("**", "../x", false), ("**", "a/b", true), ("*", "..", false),
    ("data/*.csv", "data/a\u{0}.csv", false), ("/", "/etc/x", true), ("./data", "./data/a", true),
    ("dt=*/", "dt=1/a/b", true), ("dt=*/", "dt=1/_a/b", false), ("e\u{301}", "é", false),
  ])
  func localPaths(place: String, key: String, isMeant: Bool) throws {
    let pattern = try PlacePattern(StorePlace(store: LocalStore(), bucket: "", path: place))
    #expect(pattern.contains(key) == isMeant)
  }
}

/// A bucket's keys in memory, with the program's own listing over them.
private struct KeysOnly: StoreDirectory {
  let keys: [String]

  func open(_ location: String) throws(StoreError) -> StorePlace {
    let place = try S3Location.parse(location)
    return StorePlace(store: MemoryStore(keys: Array(Set(keys))), bucket: place.bucket, path: place.key)
  }

  func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo] {
    try ConcreteStores(root: "", options: StoreOptions()).objects(at: place)
  }
}

/// Files by the program's own stores; the place of snapshots is nowhere.
private struct LocalOnly: StoreDirectory {
  let base: ConcreteStores

  func open(_ location: String) throws(StoreError) -> StorePlace {
    if S3Location.isS3(location) { return StorePlace(store: MemoryStore(keys: []), bucket: "elsewhere", path: "out") }
    return try base.open(location)
  }

  func objects(at place: StorePlace) throws(StoreError) -> [ObjectInfo] { try base.objects(at: place) }
}
