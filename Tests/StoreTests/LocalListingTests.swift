import Foundation
import Glibc
import Platform
import TestKit
import Testing

@testable import LocalStore

struct LocalListingTests {
  private let store = LocalStore()
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func list(_ prefix: String) throws(StoreError) -> [String] {
    let root = directory.path + "/"
    return try store.listAll(directory.path(prefix)).map { $0.key.replacing(root, with: "") }.sorted()
  }

  private func expand(_ pattern: String) throws -> [String] {
    let root = directory.path + "/"
    return try LocalStore.expand(glob: directory.path(pattern)).map { $0.key.replacing(root, with: "") }
      .sorted()
  }

  @Test func aFileADirectoryOrAPrefix() throws {
    for name in ["a/x.csv", "a/b/y.csv", "a/.hidden", "ab.csv", "abc/z", "c"] {
      try directory.write(name, name)
    }
    #expect(try list("c") == ["c"])
    #expect(try list("a") == ["a/.hidden", "a/b/y.csv", "a/x.csv"])
    #expect(try list("a//") == ["a/.hidden", "a/b/y.csv", "a/x.csv"])
    #expect(try list("ab") == ["ab.csv", "abc/z"])
    #expect(try list("a/x") == ["a/x.csv"])
    #expect(try list("nothing").isEmpty)
    #expect(try list("nothing/at/all").isEmpty)
    #expect(try list("c/below").isEmpty)
    #expect(try list("").count == 6)
    let info = try #require(try store.listAll(directory.path("ab.csv")).first)
    #expect(info.size == 6 && info.bucket.isEmpty && info.etag == nil && info.version == nil)
    #expect(abs(Double(info.modifiedMicroseconds) / 1e6 - Date.now.timeIntervalSince1970) < 60)
  }

  @Test func relativePathsStayRelative() throws {
    // The working directory belongs to the whole process, so only what is surely there is asked for.
    let found = try store.listAll("Package.swift") + store.listAll("./Package.sw")
    for info in found { #expect(info.key == "Package.swift" || info.key == "./Package.swift") }
    #expect(LocalStore.directoryPath("") == "" && LocalStore.directoryPath("/") == "/")
    #expect(LocalStore.directoryPath("a//") == "a/" && LocalStore.parent(of: "a") == "")
  }

  @Test(.timeLimit(.minutes(1))) func circlesOfLinksEnd() throws {
    try directory.write("data/real/x")
    try directory.link("data/real/up", to: "..")
    try directory.link("data/self", to: "self")
    try directory.link("data/again", to: "real")
    try directory.write("elsewhere/y")
    try directory.link("data/other", to: "../elsewhere")
    try directory.link("data/other2", to: "../elsewhere")
    try directory.link("data/file", to: "../elsewhere/y")
    #expect(code { () throws(StoreError) in try list("data") } == .other)
    try FileManager.default.removeItem(atPath: directory.path("data/self"))
    // Each directory once; its real path goes first, else the first link by name.
    #expect(try list("data") == ["data/file", "data/other/y", "data/real/x"])
    // Twenty levels with two ways each are a million paths.
    for level in 0..<20 {
      try directory.write("deep/d\(level)/f")
      try directory.link("deep/d\(level)/l1", to: "../d\(level + 1)")
      try directory.link("deep/d\(level)/l2", to: "../d\(level + 1)")
    }
    try directory.write("deep/d20/f")
    #expect(try list("deep/d0").count == 21)
  }

  @Test func aLinkToNowhereIsAnErrorUnlessHidden() throws {
    try directory.write("a/x")
    try directory.link("a/.#lock", to: "user@host:1")
    #expect(try list("a") == ["a/x"])
    try directory.link("a/gone", to: "nowhere")
    let error = failure { () throws(StoreError) in try list("a") }
    #expect(error?.code == .notFound && error?.location.hasSuffix("a/gone") == true)
  }

  @Test func whatCannotBeReadIsForbidden() throws {
    try directory.write("open/closed/x")
    try directory.write("file")
    chmod(directory.path, 0o755)
    chmod(directory.path("open/closed"), 0)
    chmod(directory.path("file"), 0)
    defer { chmod(directory.path("open/closed"), 0o755) }
    let path = directory.path
    let errors = try withoutPrivileges {
      let store = LocalStore()
      return [
        failure { () throws(StoreError) in try store.listAll(path + "/open") },
        failure { () throws(StoreError) in try store.listAll(path + "/open/closed/x") },
        failure { () throws(StoreError) in try LocalStore.expand(glob: path + "/open/*/x") },
        failure { () throws(StoreError) in try store.head(path + "/file") },
        failure { () throws(StoreError) in
          try store.open(ObjectInfo(bucket: "", key: path + "/file", size: 1, modifiedMicroseconds: 0))
        },
        failure { () throws(StoreError) in try store.put(path + "/open/closed/new", [1], condition: .always)
        },
      ]
    }
    for error in errors {
      let error = try #require(error)
      #expect(
        error.code == .forbidden && error.location.hasPrefix(path) && error.hint.contains("permissions"))
    }
    #expect(errors[0]?.location == path + "/open/closed/")
  }

  @Test func specialFilesAndNamesThatAreNoTextAreDealtWith() throws {
    try directory.write("d/x")
    mkfifo(directory.path("d/pipe"), 0o644)
    #expect(try list("d") == ["d/x"])
    #expect(code { () throws(StoreError) in try list("d/pipe") } == .other)
    #expect(code { () throws(StoreError) in try store.head(directory.path("d/pipe")) } == .notFound)
    #expect(code { () throws(StoreError) in try store.head(directory.path("d")) } == .notFound)
    let bytes =
      Array((directory.path + "/d/bad").utf8).map { CChar(bitPattern: $0) } + [CChar(bitPattern: 0xff), 0]
    close(creat(bytes, 0o644))
    #expect(failure { () throws(StoreError) in try list("d") }?.message.contains("UTF-8") == true)
  }

  @Test func ownTemporaryFilesAreNotListed() throws {
    try directory.write("d/x")
    try directory.write("d/.tributary-1-abc.tmp")
    try directory.write("d/.tributary-abc.lock")
    #expect(try list("d") == ["d/x"])
  }

  @Test func pagesStopWhenTheCallerHasEnough() throws {
    for number in 0..<2500 { try directory.write("many/\(number)") }
    var pages: [Int] = []
    try store.list(prefix: directory.path("many")) { page in
      pages.append(page.count)
      return true
    }
    #expect(pages == [1000, 1000, 500])
    var calls = 0
    try store.list(prefix: directory.path("many")) { _ in
      calls += 1
      return false
    }
    #expect(calls == 1)
    struct Oops: Error {}
    #expect(
      code { () throws(StoreError) in try store.list(prefix: directory.path("many")) { _ in throw Oops() } }
        == .other)
  }

  @Test func patternsAreExpanded() throws {
    let names = [
      "data/a.csv", "data/b.csv.gz", "data/sub/c.csv", "data/sub/deep/d.csv", "data/.h/e.csv", "data/.f.csv",
      "x[1].csv",
      "day=1/p.json", "day=2/q/r.json",
    ]
    for name in names { try directory.write(name) }
    #expect(try expand("data/*.csv") == ["data/a.csv"])
    #expect(try expand("data/*.{csv,csv.gz}") == ["data/a.csv", "data/b.csv.gz"])
    #expect(try expand("data/**/*.csv") == ["data/a.csv", "data/sub/c.csv", "data/sub/deep/d.csv"])
    #expect(try expand("data/.*") == ["data/.f.csv"])
    #expect(try expand("*/sub/?.csv") == ["data/sub/c.csv"])
    #expect(try expand("x[1].csv") == ["x[1].csv"])
    #expect(try expand("day=*/") == ["day=1/p.json", "day=2/q/r.json"])
    #expect(try expand("day=[2-9]/**") == ["day=2/q/r.json"])
    #expect(try expand("none/*.csv").isEmpty)
    #expect(try expand("data/a.csv/*").isEmpty)
    #expect(try expand("data/sub") == ["data/sub/c.csv", "data/sub/deep/d.csv"])
  }

  /// A random tree and random patterns against Python's glob, which has neither braces nor backslashes.
  @Test func agreesWithPythonsGlob() throws {
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    func name() -> String {
      String(
        (0..<Int.random(in: 1...3, using: &random)).map { _ in "ab.".randomElement(using: &random) ?? "a" })
    }
    for _ in 0..<120 {
      let path = (0..<Int.random(in: 1...4, using: &random)).map { _ in name() + "d" } + [name() + "f"]
      try directory.write(path.joined(separator: "/"))
    }
    let parts = ["*", "a*", "*d", "?d", "[ab]*", "**", ".*", "ad", "*f", "[!a]*f", "a[.b]f"]
    let patterns = (0..<300).map { _ in
      (0..<Int.random(in: 1...4, using: &random)).map { _ in parts.randomElement(using: &random) ?? "*" }
        .joined(separator: "/")
    }
    let script = """
      import glob, json, os, sys
      print(json.dumps([sorted({p for p in glob.glob(q, recursive=True) if os.path.isfile(p)}) for q in json.load(sys.stdin)]))
      """
    let answer = try runPython(script, input: JSONEncoder().encode(patterns), directory: directory.url)
    let expected = try JSONDecoder().decode([[String]].self, from: Data(answer.utf8))
    #expect(expected.contains { !$0.isEmpty })
    for (pattern, files) in zip(patterns, expected) where !pattern.hasSuffix("d") {
      // A pattern that is an existing path lists it; Python gives the path itself.
      #expect(try expand(pattern) == files, "pattern '\(pattern)', seed \(seed)")
    }
  }
}
