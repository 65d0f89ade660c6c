/// Counts distinct values by their 64-bit hashes: exactly up to 4,096 of them, then by HyperLogLog with 4,096 registers
/// (standard error 1.6 %).
///
/// Order-free: the set is a set, a register is a maximum over all hashes, and the change from one to the other happens
/// exactly when there are more than 4,096 distinct hashes, whatever was merged with what. The estimate uses sums,
/// products and square roots only, so it is the same on every machine.
final class DistinctCounter {
  static let exactMax = 4096
  static let precision = 12
  private static let registerCount = 1 << precision

  /// Hashes in an open-addressing table, 0 where free; nil once there are too many.
  private(set) var slots: UnsafeMutablePointer<UInt64>?
  private(set) var capacity = 64
  private(set) var count = 0
  /// The longest run of leading zeros seen for each of the hash's upper 12 bits, plus one.
  private var registers: UnsafeMutablePointer<UInt8>?

  init() {
    let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
    slots.initialize(repeating: 0, count: capacity)
    self.slots = slots
  }

  deinit {
    slots?.deallocate()
    registers?.deallocate()
  }

  var isExact: Bool { slots != nil }
  /// About how much memory it takes.
  var bytes: Int { isExact ? capacity * MemoryLayout<UInt64>.stride : DistinctCounter.registerCount }

  func add(_ hashes: UnsafePointer<UInt64>, _ number: Int) {
    var i = 0
    while i < number, let slots {
      let hash = DistinctCounter.nonZero(hashes[i])
      let slot = DistinctCounter.find(hash, slots, capacity)
      if slots[slot] == 0 { insert(hash, slot, slots) }
      i &+= 1
    }
    guard i < number, let registers else { return }
    while i < number {
      DistinctCounter.raise(registers, DistinctCounter.nonZero(hashes[i]))
      i &+= 1
    }
  }

  func add(_ hash: UInt64) {
    var hash = hash
    add(&hash, 1)
  }

  func merge(_ other: DistinctCounter) {
    if let theirs = other.slots {
      for slot in 0..<other.capacity where theirs[slot] != 0 { add(theirs[slot]) }
    } else if let theirs = other.registers {
      if slots != nil { makeRegisters() }
      guard let registers else { return }
      for index in 0..<DistinctCounter.registerCount {
        registers[index] = max(registers[index], theirs[index])
      }
    }
  }

  /// The number of distinct hashes: exact up to 4,096, then an estimate.
  var estimate: Int {
    guard let registers, slots == nil else { return count }
    // Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6.
    let m = Double(DistinctCounter.registerCount)
    let q = 64 - DistinctCounter.precision
    var counts = [Int](repeating: 0, count: q + 2)
    for index in 0..<DistinctCounter.registerCount { counts[Int(registers[index])] += 1 }
    var z = m * DistinctCounter.tau(1 - Double(counts[q + 1]) / m)
    for rank in stride(from: q, through: 1, by: -1) { z = 0.5 * (z + Double(counts[rank])) }
    z += m * DistinctCounter.sigma(Double(counts[0]) / m)
    // α∞ = 1 / (2 ln 2).
    let estimate = 0.721_347_520_444_481_7 * m * m / z
    return Int(estimate.rounded())
  }

  /// The hashes, in no particular order, as long as they are kept.
  var exactHashes: [UInt64] {
    guard let slots else { return [] }
    return (0..<capacity).map { slots[$0] }.filter { $0 != 0 }
  }

  /// The registers, once there are any.
  var registerBytes: [UInt8] {
    guard let registers else { return [] }
    return Array(UnsafeBufferPointer(start: registers, count: DistinctCounter.registerCount))
  }

  /// Goes over to registers and sets them; false, and nothing is done, if these cannot be a counter's.
  func setRegisters(_ bytes: ArraySlice<UInt8>) -> Bool {
    let most = UInt8(64 - DistinctCounter.precision + 1)
    guard bytes.count == DistinctCounter.registerCount, bytes.allSatisfy({ $0 <= most }) else { return false }
    makeRegisters()
    guard let registers else { return false }
    for (index, byte) in bytes.enumerated() { registers[index] = max(registers[index], byte) }
    return true
  }

  /// The slot that holds `hash`, or the free one where it belongs.
  @inline(__always)
  private static func find(_ hash: UInt64, _ slots: UnsafeMutablePointer<UInt64>, _ capacity: Int) -> Int {
    let mask = capacity &- 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 && slots[slot] != hash { slot = (slot &+ 1) & mask }
    return slot
  }

  /// 0 marks free slots, so the hash 0 counts as 1.
  @inline(__always) private static func nonZero(_ hash: UInt64) -> UInt64 { hash == 0 ? 1 : hash }

  @inline(__always)
  private static func raise(_ registers: UnsafeMutablePointer<UInt8>, _ hash: UInt64) {
    let index = Int(truncatingIfNeeded: hash &>> UInt64(64 &- precision))
    let rest = hash &<< UInt64(precision) | 1 &<< UInt64(precision &- 1)
    let rank = UInt8(truncatingIfNeeded: rest.leadingZeroBitCount &+ 1)
    if registers[index] < rank { registers[index] = rank }
  }

  private func insert(_ hash: UInt64, _ slot: Int, _ slots: UnsafeMutablePointer<UInt64>) {
    slots[slot] = hash
    count += 1
    if count > DistinctCounter.exactMax {
      makeRegisters()
    } else if count * 2 > capacity {
      let grown = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity * 2)
      grown.initialize(repeating: 0, count: capacity * 2)
      for old in 0..<capacity where slots[old] != 0 {
        grown[DistinctCounter.find(slots[old], grown, capacity * 2)] = slots[old]
      }
      slots.deallocate()
      self.slots = grown
      capacity *= 2
    }
  }

  private func makeRegisters() {
    guard let slots else { return }
    let registers = UnsafeMutablePointer<UInt8>.allocate(capacity: DistinctCounter.registerCount)
    registers.initialize(repeating: 0, count: DistinctCounter.registerCount)
    for slot in 0..<capacity where slots[slot] != 0 { DistinctCounter.raise(registers, slots[slot]) }
    slots.deallocate()
    self.slots = nil
    self.registers = registers
  }

  private static func sigma(_ share: Double) -> Double {
    guard share < 1 else { return .infinity }
    var x = share
    var y = 1.0
    var z = x
    while true {
      x *= x
      let before = z
      z += x * y
      y += y
      if z == before { return z }
    }
  }

  private static func tau(_ share: Double) -> Double {
    guard share > 0, share < 1 else { return 0 }
    var x = share
    var y = 1.0
    var z = 1 - x
    while true {
      x = x.squareRoot()
      let before = z
      y *= 0.5
      z -= (1 - x) * (1 - x) * y
      if z == before { return z / 3 }
    }
  }
}
