// How a member of gzip tells its sizes: in an extra field of its header.
#pragma once

#include <cstdint>

namespace millrace::io {

/// Of a member's header without extra fields.
constexpr int64_t kGzipHeaderBytes = 10;
/// Behind the deflated bytes: the checksum and the plain size.
constexpr int64_t kGzipTrailerBytes = 8;
constexpr uint8_t kGzipExtraFlag = 0x04;

/// The field that our members have: 'M' 'R', and the sizes of the member and of its plain
/// bytes, four bytes each. Other readers skip it.
constexpr uint8_t kSizesField[2] = {'M', 'R'};
constexpr int64_t kSizesBytes = 8;

/// That of BGZF: the member's size less one, two bytes.
constexpr uint8_t kBgzfField[2] = {'B', 'C'};
constexpr int64_t kBgzfBytes = 2;

}  // namespace millrace::io
