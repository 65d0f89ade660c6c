internal import Columns

/// The constants of a long `in (…)`, sorted, so that a value is looked up in as many steps as the list has digits.
///
/// Integers, times, booleans and doubles go by an integer that orders as they do; equality is that of `=`.
enum ConstantSet: Sendable {
  case ordinals([Int64])
  case decimals([Int128])
  case strings([[UInt8]])

  /// Lists up to this long are compared constant by constant, a column at a time, which is faster.
  static let shortMax = 8

  /// `literals` are of one type.
  init(_ literals: [Literal]) {
    var ordinals: [Int64] = []
    var decimals: [Int128] = []
    var strings: [[UInt8]] = []
    for literal in literals {
      switch literal {
      case .string(let text): strings.append(Array(text.utf8))
      case .decimal(let value): decimals.append(value)
      case .int(let value), .timestamp(let value): ordinals.append(value)
      case .date(let value): ordinals.append(Int64(value))
      case .bool(let value): ordinals.append(value ? 1 : 0)
      // 0 and −0 are equal; NaN equals nothing.
      case .double(let value): if !value.isNaN { ordinals.append(orderedBits(value == 0 ? 0 : value)) }
      }
    }
    if !strings.isEmpty {
      self = .strings(strings.sorted { $0.lexicographicallyPrecedes($1) })
    } else if !decimals.isEmpty {
      self = .decimals(decimals.sorted())
    } else {
      self = .ordinals(ordinals.sorted())
    }
  }

  /// Writes 1 for the rows whose value is in the set, else 0; a null's truth is anything.
  func evaluate(_ column: Column, _ rows: Int, into truth: UnsafeMutablePointer<UInt8>) {
    switch self {
    case .ordinals(let constants):
      let isDouble = column.type == .double
      for row in 0..<rows {
        let value = isDouble && column.doubles[row] == 0 ? 0 : column.ordinal(row)
        truth[row] = ConstantSet.search(constants.count) {
          constants[$0] == value ? 0 : constants[$0] < value ? -1 : 1
        }
      }
    case .decimals(let constants):
      for row in 0..<rows {
        let value = column.int128s[row]
        truth[row] = ConstantSet.search(constants.count) {
          constants[$0] == value ? 0 : constants[$0] < value ? -1 : 1
        }
      }
    case .strings(let constants):
      for row in 0..<rows where column.validity[row] != 0 {
        let view = column.views[row]
        let bytes = UnsafePointer(column.arena.base + Int(view.start))
        truth[row] = ConstantSet.search(constants.count) { index in
          constants[index].withUnsafeBufferPointer { constant in
            guard let base = constant.baseAddress else { return view.length == 0 ? 0 : -1 }
            return compareBytes(base, constant.count, bytes, view.length)
          }
        }
      }
    }
  }

  /// 1 if one of `count` sorted constants compares as 0.
  @inline(__always)
  private static func search(_ count: Int, _ compare: (Int) -> Int) -> UInt8 {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low &+ high) / 2
      let order = compare(middle)
      if order == 0 { return 1 }
      if order < 0 { low = middle &+ 1 } else { high = middle }
    }
    return 0
  }
}
