/// What happened in a world, in order: a hash of all lines, the last of them, and, on request, each as it comes.
final class SimTrace {
  private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  private(set) var count = 0
  private var ring: [String] = []
  private let most: Int
  private let prints: Bool

  init(most: Int = 60, prints: Bool) {
    self.most = most
    self.prints = prints
  }

  func add(_ line: String) {
    for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    hash = (hash ^ 10) &* 0x0000_0100_0000_01b3
    if prints { print(line) }
    if ring.count < most { ring.append(line) } else { ring[count % most] = line }
    count += 1
  }

  /// The last lines, oldest first.
  var tail: [String] {
    if ring.count < most { return ring }
    return Array(ring[(count % most)...] + ring[..<(count % most)])
  }
}
