#include "CNumbers.h"
#include <charconv>
#include <cstring>

extern "C" size_t ctj_write_double(double value, uint8_t *out) {
  // Shortest digits in scientific form: [-]d[.ddd]e±xx, at most 24 bytes.
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  const char *p = text;
  uint8_t *o = out;
  if (*p == '-') {
    *o++ = '-';
    ++p;
  }
  char digits[24];
  int count = 0;
  digits[count++] = *p++;
  if (*p == '.') {
    for (++p; *p != 'e'; ++p) digits[count++] = *p;
  }
  ++p;  // e
  const bool negative = *p++ == '-';
  int exponent = 0;
  for (; p != end; ++p) exponent = exponent * 10 + (*p - '0');
  if (negative) exponent = -exponent;

  if (exponent >= 0 && exponent < 16) {
    int i = 0;
    for (; i <= exponent; ++i) *o++ = i < count ? digits[i] : '0';
    *o++ = '.';
    if (i >= count) *o++ = '0';
    for (; i < count; ++i) *o++ = digits[i];
  } else if (exponent < 0 && exponent >= -4) {
    *o++ = '0';
    *o++ = '.';
    for (int i = -1; i > exponent; --i) *o++ = '0';
    std::memcpy(o, digits, count);
    o += count;
  } else {
    *o++ = digits[0];
    if (count > 1) {
      *o++ = '.';
      std::memcpy(o, digits + 1, count - 1);
      o += count - 1;
    }
    *o++ = 'e';
    if (exponent < 0) *o++ = '-';
    o = reinterpret_cast<uint8_t *>(
        std::to_chars(reinterpret_cast<char *>(o), reinterpret_cast<char *>(o) + 4, exponent < 0 ? -exponent : exponent).ptr);
  }
  return static_cast<size_t>(o - out);
}
