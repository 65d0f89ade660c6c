#include "lexical.hpp"

namespace ctj {

namespace {

/// The value of four hexadecimal digits, or −1.
int32_t hex4(const uint8_t *p, const uint8_t *end) {
  if (end - p < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    const uint8_t c = p[i];
    const uint8_t lower = c | 0x20;
    if (is_digit(c)) value = value * 16 + (c - '0');
    else if (lower >= 'a' && lower <= 'f') value = value * 16 + (lower - 'a' + 10);
    else return -1;
  }
  return value;
}

size_t put_utf8(uint32_t code, uint8_t *out) {
  if (code < 0x80) {
    out[0] = uint8_t(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = uint8_t(0xc0 | code >> 6);
    out[1] = uint8_t(0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = uint8_t(0xe0 | code >> 12);
    out[1] = uint8_t(0x80 | (code >> 6 & 0x3f));
    out[2] = uint8_t(0x80 | (code & 0x3f));
    return 3;
  }
  out[0] = uint8_t(0xf0 | code >> 18);
  out[1] = uint8_t(0x80 | (code >> 12 & 0x3f));
  out[2] = uint8_t(0x80 | (code >> 6 & 0x3f));
  out[3] = uint8_t(0x80 | (code & 0x3f));
  return 4;
}

}  // namespace

template <bool Write>
int64_t unescape(const uint8_t *body, size_t length, uint8_t *out) {
  const uint8_t *p = body;
  const uint8_t *const end = body + length;
  uint8_t *const start = out;
  for (;;) {
    const uint8_t *slash = static_cast<const uint8_t *>(memchr(p, '\\', size_t(end - p)));
    const size_t plain = size_t((slash ? slash : end) - p);
    if (Write) {
      memcpy(out, p, plain);
      out += plain;
    }
    if (!slash) return Write ? out - start : 0;
    p = slash + 1;
    if (p == end) return -1;
    uint8_t byte;
    switch (*p++) {
    case '"': byte = '"'; break;
    case '\\': byte = '\\'; break;
    case '/': byte = '/'; break;
    case 'b': byte = '\b'; break;
    case 'f': byte = '\f'; break;
    case 'n': byte = '\n'; break;
    case 'r': byte = '\r'; break;
    case 't': byte = '\t'; break;
    case 'u': {
      int32_t code = hex4(p, end);
      if (code < 0) return -1;
      p += 4;
      if (code >= 0xdc00 && code < 0xe000) return -1;
      if (code >= 0xd800 && code < 0xdc00) {
        if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
        const int32_t low = hex4(p + 2, end);
        if (low < 0xdc00 || low >= 0xe000) return -1;
        p += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      // At most 3 bytes for 6 and 4 for 12, so the output never passes the input's length.
      if (Write) out += put_utf8(uint32_t(code), out);
      continue;
    }
    default: return -1;
    }
    if (Write) *out++ = byte;
  }
}

template int64_t unescape<true>(const uint8_t *, size_t, uint8_t *);
template int64_t unescape<false>(const uint8_t *, size_t, uint8_t *);

}  // namespace ctj
