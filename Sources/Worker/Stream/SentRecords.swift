/// Records as they come over HTTP: text in lines, each a record's value, or a key, a tab and a value.
///
/// Values are not looked at; what they hold is judged where they are read, as with records of any other producer.
struct SentRecords: Equatable {
  struct Record: Equatable {
    var key: [UInt8]?
    /// nil: a tombstone.
    var value: [UInt8]?
  }

  /// The number of a line that has no tab where each has to have one.
  struct MissingKey: Error, Equatable { var line: Int }

  var records: [Record] = []

  /// Lines end with LF or CR LF; empty ones are passed over. With `keyed`, each line is `KEY TAB VALUE`, and one without
  /// anything behind the tab is a tombstone.
  init(_ body: [UInt8], keyed: Bool) throws(MissingKey) {
    var number = 0
    for line in body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty { continue }
      guard keyed else {
        records.append(Record(key: nil, value: Array(line)))
        continue
      }
      guard let tab = line.firstIndex(of: UInt8(ascii: "\t")) else { throw MissingKey(line: number) }
      let value = line[(tab + 1)...]
      records.append(Record(key: Array(line[..<tab]), value: value.isEmpty ? nil : Array(value)))
    }
  }
}
