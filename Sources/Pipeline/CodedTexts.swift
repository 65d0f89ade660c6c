internal import Columns

/// Where a dictionary's texts stand in a column of a table: each stands there once, however many rows have it.
///
/// Of one column's bytes; one thread.
final class CodedTexts {
  /// By code; none of texts that stand nowhere.
  private let views: UnsafeMutablePointer<ByteView>
  private var dictionary: TextDictionary?

  static let none = ByteView(start: 0, length: ByteView.lengthMask)

  init() {
    views = .allocate(capacity: RowSections.fewMax)
    views.initialize(repeating: CodedTexts.none, count: RowSections.fewMax)
  }

  deinit { views.deallocate() }

  /// Those of this dictionary; another's are forgotten.
  func views(of dictionary: TextDictionary) -> UnsafeMutablePointer<ByteView> {
    if self.dictionary !== dictionary {
      views.update(repeating: CodedTexts.none, count: RowSections.fewMax)
      self.dictionary = dictionary
    }
    return views
  }
}
