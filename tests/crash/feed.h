// Feed: a small source without an end for crash tests, whose rows arrive by the clock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/connector/registry.h"

namespace millrace::crash {

/// What arrives when. A part is one split; it appears at a moment, and may end.
struct Feed {
  struct Row {
    int64_t arrives_nanos = 0;
    int64_t id = 0;
    std::string k;
    int64_t v = 0;
    int64_t t_micros = 0;
  };
  struct Part {
    int64_t arrives_nanos = 0;
    bool ends = false;      ///< behind its last row; else it is quiet from there on
    std::vector<Row> rows;  ///< in the order in which they arrive
  };
  std::vector<Part> parts;  ///< in the order in which they arrive
  /// What the clocks of earlier processes had reached.
  int64_t passed_nanos = 0;
};

/// The connector 'feed' over `feed`, with columns id BIGINT, k VARCHAR, v BIGINT, t
/// TIMESTAMP. Option `half`: `0` and `1` show every other part, `all` shows each.
connector::ConnectorSpec MakeFeedConnector(std::shared_ptr<const Feed> feed);

}  // namespace millrace::crash
