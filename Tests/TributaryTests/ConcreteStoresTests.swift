import Definition
import FoundationEssentials
import LocalStore
import Platform
import Testing

@testable import tributary

@Suite struct ConcreteStoresTests {
  // MARK: A bucket

  private let keys = [
    "usage/a.gz", "usage/sub/b.gz", "usage/", "usage/_SUCCESS", "usage/.crc/c.gz", "usage/_temporary/0/d.gz",
    "usage/x_$folder$", "usage_old/e.gz", "unload/part_0000.gz", "unload/part_0001.gz", "unload/_part.gz",
    "one.csv",
  ]

  private func found(_ path: String) throws -> [String] {
    let place = StorePlace(store: MemoryStore(keys: keys), bucket: "b", path: path)
    return try ConcreteStores(root: "", options: StoreOptions()).objects(at: place).map(\.key).sorted()
  }

  @Test func aPrefixEndsWhereADirectoryWould() throws {
    #expect(try found("usage/") == ["usage/a.gz", "usage/sub/b.gz"])
    #expect(try found("usage") == ["usage/a.gz", "usage/sub/b.gz"])
    #expect(try found("one.csv") == ["one.csv"])
    #expect(try found("nothing") == [])
    #expect(try found("nothing/") == [])
    #expect(
      try found("") == [
        "one.csv", "unload/part_0000.gz", "unload/part_0001.gz", "usage/a.gz", "usage/sub/b.gz",
        "usage_old/e.gz",
      ])
  }

  /// An object of a prefix' own name belongs to it; who may not look at it still reads what lies below.
  @Test func anObjectOfThePrefixsName() throws {
    func found(_ keys: [String], forbidden: Set<String> = []) throws -> [String] {
      let place = StorePlace(store: MemoryStore(keys: keys, forbidden: forbidden), bucket: "b", path: "usage")
      return try ConcreteStores(root: "", options: StoreOptions()).objects(at: place).map(\.key).sorted()
    }
    #expect(try found(["usage", "usage/a", "usage_old/b"]) == ["usage", "usage/a"])
    #expect(try found(["usage/a"], forbidden: ["usage"]) == ["usage/a"])
    #expect(throws: StoreError.self) { try found(["usage_old/b"], forbidden: ["usage"]) }
  }

  /// Redshift's UNLOAD writes keys that begin with what it is given; nothing is read by accident, and the error shows how.
  @Test func halfANameIsAnErrorWithTheWayOut() throws {
    do {
      _ = try found("unload/part_")
      Issue.record("half a name was taken for a place")
    } catch let error as StoreError {
      #expect(error.code == .notFound)
      #expect(error.hint.contains("s3://b/unload/part_*"))
    }
    #expect(try found("unload/part_*") == ["unload/part_0000.gz", "unload/part_0001.gz"])
  }

  @Test func globsOverKeys() throws {
    #expect(try found("usage*/*.gz") == ["usage/a.gz", "usage_old/e.gz"])
    #expect(try found("usage/**") == ["usage/a.gz", "usage/sub/b.gz"])
    #expect(try found("unload/_p*") == ["unload/_part.gz"])
    #expect(try found("usage/_temporary/") == ["usage/_temporary/0/d.gz"])
  }

  @Test(arguments: [
    ("a/b.csv", "a/", false), ("a/_b.csv", "a/", true), ("a/.b.csv", "a/", true), ("a/_t/b.csv", "a/", true),
    ("a/x_b.csv", "a/", false), ("_a/b.csv", "_a/", false), ("a/_b.csv", "a/_", false),
    ("a/_b/_c", "a/_", true),
    ("a/", "a/", true), ("_b", "", true), ("b", "", false), ("a//b", "a/", false), ("x/_b", "a/", true),
  ])
  func hiddenNames(key: String, prefix: String, isHidden: Bool) {
    #expect(ObjectNames.isHidden(key, below: prefix) == isHidden)
  }

  // MARK: Files

  /// A directory with some files whose own name is a glob.
  private func withTree(_ body: (String) throws -> Void) throws {
    let root =
      FileManager.default.temporaryDirectory.path + "/stores-[1]{a,b}-\(UInt64.random(in: 0...UInt64.max))"
    defer { try? FileManager.default.removeItem(atPath: root) }
    for file in ["data/a.csv", "data/b.csv", "data/_c.csv", "data/sub/d.csv", "data/.e", "odd[1].csv"] {
      try LocalStore().put("\(root)/\(file)", Array("x\n".utf8), condition: .always)
    }
    try body(root)
  }

  @Test func keysOfFilesStartFromTheRoot() throws {
    try withTree { root in
      let stores = ConcreteStores(root: root, options: StoreOptions())
      func found(_ location: String) throws -> [String] {
        try stores.objects(at: try stores.open(location)).map(\.key).sorted()
      }
      #expect(try found("data/*.csv") == ["data/a.csv", "data/b.csv"])
      #expect(try found("data/**/*.csv") == ["data/a.csv", "data/b.csv", "data/sub/d.csv"])
      #expect(try found("data") == ["data/a.csv", "data/b.csv", "data/sub/d.csv"])
      #expect(try found("data/") == ["data/a.csv", "data/b.csv", "data/sub/d.csv"])
      #expect(try found("data/_c.csv") == ["data/_c.csv"])
      #expect(try found("odd[1].csv") == ["odd[1].csv"])
      #expect(try found("\(root)/data/a.csv") == ["\(root)/data/a.csv"])
      #expect(try found("none-*") == [])
      do {
        _ = try found("none")
        Issue.record("a directory that is not there has objects")
      } catch let error as StoreError {
        #expect(error.code == .notFound)
        #expect(error.description.contains("\(root)/none"))
      }
    }
  }

  @Test func rootedFilesAreReadAndWritten() throws {
    try withTree { root in
      let stores = ConcreteStores(root: root, options: StoreOptions())
      let place = try stores.open("out")
      #expect(place.bucket == "" && place.key("x/y.txt") == "out/x/y.txt")
      try place.store.put("out/x/y.txt", Array("hello".utf8), condition: .ifAbsent)
      let info = try place.store.head("out/x/y.txt")
      #expect(info.key == "out/x/y.txt" && info.size == 5)
      var buffer = [UInt8](repeating: 0, count: 16)
      let reader = try place.store.open(info)
      #expect(try buffer.withUnsafeMutableBytes { try reader.read(into: $0) } == 5)
      #expect(try LocalStore().head("\(root)/out/x/y.txt").size == 5)
      let writer = try place.store.writer("out/z")
      try Array("abc".utf8).withUnsafeBytes { try writer.write($0) }
      try writer.finish()
      #expect(try place.store.head("out/z").size == 3)
      try place.store.delete("out/z")
      #expect(throws: StoreError.self) { try place.store.head("out/z") }
    }
  }

  @Test func otherSchemesAreRefused() {
    let stores = ConcreteStores(root: "", options: StoreOptions())
    for place in ["gs://bucket/x", "http://host/x", "s3:///x", "s3://"] {
      #expect(throws: StoreError.self, "\(place)") { try stores.open(place) }
    }
  }
}
