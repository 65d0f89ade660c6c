internal import Columns

/// Where short texts of a column stand that came before, so that the same bytes need not stand there twice: many columns
/// have few texts. Only remembers some; a column without repetitions is soon left alone.
///
/// Of one column's bytes; one thread.
final class RepeatedTexts {
  struct Entry: BitwiseCopyable {
    var words: (UInt64, UInt64) = (0, 0)
    /// Of its length; not a text's as long as there is none.
    var view = ByteView(start: 0, length: ByteView.lengthMask)
  }

  static let bytesMax = 16
  private static let slots = 512
  /// So many texts tell whether it is worth while.
  private static let firstTexts = 4096

  let entries: UnsafeMutablePointer<Entry>
  private var texts = 0
  private var repeated = 0

  init() {
    entries = .allocate(capacity: RepeatedTexts.slots)
    entries.initialize(repeating: Entry(), count: RepeatedTexts.slots)
  }

  deinit { entries.deallocate() }

  /// Whether to go on.
  var pays: Bool { texts < RepeatedTexts.firstTexts || repeated * 2 > texts }

  func count(_ texts: Int, repeated: Int) {
    self.texts += texts
    self.repeated += repeated
  }

  /// Where a text's entry may be.
  @inline(__always)
  static func slot(_ words: (UInt64, UInt64), _ length: Int) -> Int {
    let both = words.0 &+ words.1 &* 0xc2b2_ae3d_27d4_eb4f &+ UInt64(truncatingIfNeeded: length)
    return Int(truncatingIfNeeded: (both &* 0x9e37_79b9_7f4a_7c15) &>> 55)
  }
}
