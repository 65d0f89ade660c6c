import Console

/// Paths of the command line, which start from the current directory, beside those of a definition, which start from its
/// own.
enum Locations {
  /// A directory's absolute path.
  static func absolute(_ directory: String) -> String {
    let current = Machine.currentDirectory()
    return directory.isEmpty || directory == "." ? current : PlaceText.resolve(directory, from: current)
  }

  /// A place of the command line for a definition whose relative paths start from `directory`.
  static func target(_ place: String, from directory: String) -> String {
    directory.isEmpty ? place : PlaceText.resolve(place, from: Machine.currentDirectory())
  }

  /// A place of such a definition as the user would write it here.
  static func shown(_ place: String, from directory: String) -> String {
    let path = PlaceText.resolve(place, from: directory)
    let current = Machine.currentDirectory() + "/"
    return path.hasPrefix(current) ? String(path.dropFirst(current.count)) : path
  }
}
