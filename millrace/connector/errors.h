// Numbered errors of the connector interfaces.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kUnknownConnector{1010, arrow::StatusCode::KeyError, false,
                                             "unknown connector",
                                             "see `millrace connectors`"};
inline constexpr ErrorSpec kNotASource{1011, arrow::StatusCode::Invalid, false,
                                       "connector can't be read from",
                                       "see `millrace connectors`"};
inline constexpr ErrorSpec kNotASink{1012, arrow::StatusCode::Invalid, false,
                                     "connector can't be written to",
                                     "see `millrace connectors`"};

inline constexpr const ErrorSpec* kConnectorErrors[] = {&kUnknownConnector, &kNotASource,
                                                        &kNotASink};

}  // namespace millrace::errors
