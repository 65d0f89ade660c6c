internal import CYAML

/// Reads YAML text into a tree of ``YAMLNode``.
///
/// A definition needs nothing of YAML but mappings, lists and scalars. Anchors, aliases, merge keys and tags are
/// refused with a message instead of being expanded, which also keeps the tree no larger than the text.
enum YAMLDocument {
  /// A definition nests about six levels.
  static let depthLimit = 64
  /// Scalars, lists and mappings in all: a bound on memory. Ten thousand columns need a tenth of it.
  static let nodeLimit = 400_000

  /// The root, or nil after a syntax error; either way what is wrong went to `log`.
  static func read(_ text: String, log: ProblemLog) -> YAMLNode? {
    // libyaml keeps pointers into its own struct, so it must not move: it lives behind a pointer.
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else {
      log.report(at: Mark(line: 1, column: 1), path: "", "not enough memory to read the file")
      return nil
    }
    defer { yaml_parser_delete(parser) }
    var copy = text
    return copy.withUTF8 { bytes in
      yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
      yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
      return build(parser, log)
    }
  }

  private static func build(_ parser: UnsafeMutablePointer<yaml_parser_t>, _ log: ProblemLog) -> YAMLNode? {
    var builder = YAMLTreeBuilder(log: log)
    while true {
      var event = yaml_event_t()
      guard yaml_parser_parse(parser, &event) == 1 else {
        YAMLSyntax(parser.pointee, source: log.source, lastScalar: builder.lastScalar).report(to: log)
        return nil
      }
      defer { yaml_event_delete(&event) }
      let start = Mark(event.start_mark)
      let end = Mark(event.end_mark)
      switch event.type {
      case YAML_STREAM_END_EVENT:
        if builder.root == nil && !builder.failed {
          log.report(
            at: Mark(line: 1, column: 1), path: "", "the file is empty; expected a definition",
            hint: "begin with 'dataset: NAME'")
        }
        return builder.failed ? nil : builder.root
      case YAML_DOCUMENT_START_EVENT:
        builder.beginDocument(at: start)
      case YAML_SCALAR_EVENT:
        let scalar = event.data.scalar
        let value = String(
          decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.value == nil ? 0 : scalar.length),
          as: UTF8.self)
        builder.note(anchor: name(scalar.anchor), tag: name(scalar.tag), at: start)
        builder.scalar(value, style: YAMLScalar.Style(scalar.style), start, end)
      case YAML_SEQUENCE_START_EVENT:
        let sequence = event.data.sequence_start
        builder.note(anchor: name(sequence.anchor), tag: name(sequence.tag), at: start)
        builder.begin(.sequence, start)
      case YAML_MAPPING_START_EVENT:
        let mapping = event.data.mapping_start
        builder.note(anchor: name(mapping.anchor), tag: name(mapping.tag), at: start)
        builder.begin(.mapping, start)
      case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
        builder.finish(end)
      case YAML_ALIAS_EVENT:
        builder.alias(name(event.data.alias.anchor) ?? "", start, end)
      default:
        break
      }
      if builder.failed { return nil }
    }
  }

  private static func name(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    pointer.map { String(cString: $0) }
  }
}

extension Mark {
  init(_ mark: yaml_mark_t) {
    // Marks are below the text's length, which fits an Int.
    self.init(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
  }
}

extension YAMLScalar.Style {
  init(_ style: yaml_scalar_style_t) {
    switch style {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: self = .singleQuoted
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: self = .doubleQuoted
    case YAML_LITERAL_SCALAR_STYLE: self = .literal
    case YAML_FOLDED_SCALAR_STYLE: self = .folded
    default: self = .plain
    }
  }
}
