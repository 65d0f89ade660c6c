/// A fingerprint whose rows may change: what each key's row adds to it (``Fingerprint/numbers(of:split:)``), so that a
/// changed row's number takes the old one's place in the sum.
struct RowNumbers {
  /// By key; 0 where there is no row.
  private var numbers: [UInt128] = []
  private(set) var sum: UInt128 = 0

  var bytes: Int { numbers.capacity * MemoryLayout<UInt128>.stride }

  /// None of these keys has a row, until it is given one.
  mutating func remove(_ keys: [UInt32]) {
    for key in keys where Int(key) < numbers.count {
      sum &-= numbers[Int(key)]
      numbers[Int(key)] = 0
    }
  }

  mutating func removeAll() {
    numbers = []
    sum = 0
  }

  /// Gives keys, below `keyCount`, their rows' numbers.
  mutating func replace(_ keys: ArraySlice<UInt32>, by fresh: [UInt128], keyCount: Int) {
    precondition(keys.count == fresh.count)
    if numbers.count < keyCount {
      numbers.reserveCapacity(keyCount)
      numbers.append(contentsOf: repeatElement(0, count: keyCount - numbers.count))
    }
    var sum = sum
    numbers.withUnsafeMutableBufferPointer { numbers in
      var row = 0
      for key in keys {
        sum &+= fresh[row] &- numbers[Int(key)]
        numbers[Int(key)] = fresh[row]
        row += 1
      }
    }
    self.sum = sum
  }
}
