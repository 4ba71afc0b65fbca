#include "millrace/connector/sink.h"

#include "millrace/base/error.h"

namespace millrace::connector {

Result<WriteState> SinkWriter::WriteEncoded(const data::EncodedRows&, const Waker&) {
  return errors::kInternal.Make({}, "this writer takes no encoded rows");
}

}  // namespace millrace::connector
