// Lines: records of JSON that end at line ends.
#pragma once

#include <cstdint>

#include "millrace/formats/json/token_buffer.h"

namespace millrace::formats::json {

/// Used by one thread.
class Lines final : public TokenBuffer {
 public:
  using TokenBuffer::TokenBuffer;

 protected:
  Status Restart(int64_t kept) override;
  Status Index(int64_t begin, bool last) override;
  int64_t EndOf(int64_t begin, int64_t* next) const override;
};

}  // namespace millrace::formats::json
