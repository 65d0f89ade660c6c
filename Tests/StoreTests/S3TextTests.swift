import Foundation
import Platform
import TestKit
import Testing

@testable import S3

/// What servers and files write: XML, JSON, times, percent encoding.
struct S3TextTests {
  private func elements(_ text: String) throws -> [XMLReader.Element] {
    var reader = XMLReader(Array(text.utf8))
    var all: [XMLReader.Element] = []
    while let element = try reader.next() { all.append(element) }
    return all
  }

  @Test func xmlIsReadInOrderOfEndTags() throws {
    let text = """
        <?xml version="1.0"?><!-- note <a> --><r xmlns:s="urn:x>y"><s:a k='/'>1 &lt; &#50;&#x33;&amp;&quot;&apos;</s:a>
      <b/><c ><![CDATA[<&]]></c></r >
      """
    let all = try elements(text).map { "\($0.path.joined(separator: "/"))=\($0.text)" }
    #expect(all == ["r/a=1 < 23&\"'", "r/b=", "r/c=<&", "r=\n"])
  }

  @Test(arguments: [
    "", "text", "<a>", "<a></b>", "<a", "<a b=\"", "</a>", "<a></a><b></b>", "<a>&unknown;</a>", "<a>&#xFFFFFFFF;</a>",
    "<a>&amp</a>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>", "<a><![CDATA[x</a>", "<a><!-- </a>", "<>x</>", "<a></a>x",
    "\u{1f}\u{8b}", String(repeating: "<a>", count: 100_000),
  ]) func brokenXMLIsAnError(_ text: String) {
    #expect(throws: MalformedAnswer.self) { try elements(text) }
  }

  @Test func randomDamageToXMLNeverTraps() throws {
    let page = Array(Self.page.utf8)
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    var read = 0
    for _ in 0..<20_000 {
      var damaged = page
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 0..<damaged.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: damaged[index] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged.insert(UInt8.random(in: 0...255, using: &random), at: index)
        default: damaged = Array(damaged[..<max(1, index)])
        }
      }
      if (try? ListPage(damaged, bucket: "b")) != nil { read += 1 }
    }
    #expect(read > 0 && read < 20_000, "seed \(seed)")
  }

  private static let page = """
    <?xml version="1.0" encoding="UTF-8"?>
    <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p</Prefix>
    <KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>
    <Contents><Key>p/a+b%2B%25%C3%BC</Key><LastModified>2009-10-12T17:50:30.500Z</LastModified>
    <ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass></Contents>
    <Contents><Key>p/marker/</Key><LastModified>2009-10-12T17:50:31.000Z</LastModified><ETag>"x"</ETag><Size>0</Size>
    <Owner><ID>1</ID><DisplayName>Key</DisplayName></Owner></Contents>
    <CommonPrefixes><Prefix>x</Prefix></CommonPrefixes><EncodingType>url</EncodingType></ListBucketResult>
    """

  @Test func aListingIsRead() throws {
    let page = try ListPage(Array(Self.page.utf8), bucket: "b")
    #expect(page.continuation == "a&b=")
    #expect(
      page.objects == [
        ObjectInfo(
          bucket: "b", key: "p/a b+%ü", size: 434_234, modifiedMicroseconds: 1_255_369_830_000_000,
          etag: "fba9dede5f27731c9771645a39863328"),
        ObjectInfo(
          bucket: "b", key: "p/marker/", size: 0, modifiedMicroseconds: 1_255_369_831_000_000, etag: "x"),
      ])
    let plain = Self.page.replacing("<EncodingType>url</EncodingType>", with: "")
    #expect(try ListPage(Array(plain.utf8), bucket: "b").objects[0].key == "p/a+b%2B%25%C3%BC")
  }

  @Test(arguments: [
    ("<Size>434234</Size>", "<Size>-1</Size>"), ("<Size>434234</Size>", "<Size>99999999999999999999</Size>"),
    ("<Size>434234</Size>", ""), ("2009-10-12T17:50:30.500Z", "yesterday"), ("<Key>p/a+b%2B%25%C3%BC</Key>", "<Key/>"),
    ("%C3%BC", "%C3"), ("<NextContinuationToken>a&amp;b=</NextContinuationToken>", ""), ("ListBucketResult", "html"),
  ]) func aListingThatCannotBeTrustedIsAnError(_ old: String, _ new: String) {
    #expect(throws: MalformedAnswer.self) {
      try ListPage(Array(Self.page.replacing(old, with: new).utf8), bucket: "b")
    }
  }

  @Test func jsonGivesTheStringsAtTheTop() throws {
    let text = """
      {"a": "x\\n\\u00fc\\ud83d\\udeb0\\/", "b": {"a": [1, {"c": null}], "d": {}}, "n": -1.5e3, "t": true, "e": [],
       "z": ""}
      """
    #expect(try FlatJSON.parse(Array(text.utf8)) == ["a": "x\nü🚰/", "n": "-1.5e3", "z": ""])
    #expect(try FlatJSON.parse(Array("{}".utf8)).isEmpty)
    for broken in [
      "", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":\"x", "{\"a\":\"\\q\"}", "{\"a\":\"\\u12\"}", "{\"a\":nul",
    ] {
      #expect(throws: MalformedAnswer.self, "\(broken)") { try FlatJSON.parse(Array(broken.utf8)) }
    }
    let deep = "{\"a\":" + String(repeating: "[", count: 100_000)
    #expect(throws: MalformedAnswer.self) { try FlatJSON.parse(Array(deep.utf8)) }
  }

  @Test func timesAreReadAndWritten() throws {
    #expect(Timestamp(iso8601: "2015-08-30T12:36:00Z")?.basic == "20150830T123600Z")
    #expect(Timestamp(iso8601: "1970-01-01T00:00:00.000001Z")?.microseconds == 1)
    #expect(Timestamp(iso8601: "2024-02-29T23:59:59+01:00")?.basic == "20240229T225959Z")
    #expect(Timestamp(http: "Wed, 21 Oct 2015 07:28:00 GMT")?.microseconds == 1_445_412_480_000_000)
    for text in ["", "2015-13-01T00:00:00Z", "2015-01-01", "2015-01-01T25:00:00Z", "2015-01-01T00:00:00", "x"] {
      #expect(Timestamp(iso8601: text) == nil, "\(text)")
      #expect(Timestamp(http: text) == nil, "\(text)")
    }
    // Foundation's calendar as the other implementation, over four centuries.
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    let formatter = ISO8601DateFormatter()
    for _ in 0..<2000 {
      let seconds = Int64.random(in: -3_000_000_000...9_000_000_000, using: &random)
      let text = formatter.string(from: Date(timeIntervalSince1970: Double(seconds)))
      #expect(Timestamp(iso8601: text)?.microseconds == seconds * 1_000_000, "seed \(seed)")
      #expect(
        Timestamp(microseconds: seconds * 1_000_000).basic == text.filter { $0 != "-" && $0 != ":" }, "seed \(seed)")
    }
  }

  @Test func percentEncodingGoesThereAndBack() throws {
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    let letters = Array("az09-._~ +%/?&=ü日🚰\"'\t")
    for _ in 0..<2000 {
      let text = String((0..<12).map { _ in letters.randomElement(using: &random) ?? "a" })
      let encoded = PercentEncoding.encode(text)
      #expect(PercentEncoding.decode(encoded, plusIsSpace: Bool.random(using: &random)) == text, "seed \(seed)")
      #expect(encoded == text.addingPercentEncoding(withAllowedCharacters: Self.unreserved), "seed \(seed)")
    }
    #expect(PercentEncoding.encode("a/b c", keepingSlash: true) == "a/b%20c")
    #expect(PercentEncoding.decode("%zz%4", plusIsSpace: true) == "%zz%4")
    #expect(PercentEncoding.decode("%ff", plusIsSpace: true) == nil)
  }

  private static let unreserved = CharacterSet(
    charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")

  @Test func contentRangesAreRead() {
    #expect(ContentRange("bytes 0-99/1000") == ContentRange("bytes 0-99/1000"))
    #expect(ContentRange("bytes 5-9/10")?.first == 5)
    #expect(ContentRange("bytes 5-9/10")?.last == 9)
    #expect(ContentRange("bytes 5-9/*")?.total == nil)
    for text in ["", "bytes */10", "bytes 9-5/10", "bytes 0-10/10", "bytes -1-2/10", "items 0-1/2", "bytes 0-1"] {
      #expect(ContentRange(text) == nil, "\(text)")
    }
  }

  @Test func partsSufficeForHundredsOfGigabytes() {
    var total = 0
    var previous = 0
    for number in 1...PartPlan.partsMax {
      let size = PartPlan.bytes(ofPart: number, first: 8 << 20)
      #expect(size >= previous && size >= 8 << 20 && size <= 64 << 20)
      previous = size
      total += size
    }
    #expect(total == 504_000 << 20)
    #expect(PartPlan.bytes(ofPart: 9999, first: 128 << 20) == 128 << 20)
  }
}
