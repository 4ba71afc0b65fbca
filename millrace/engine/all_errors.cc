#include "millrace/connector/errors.h"
#include "millrace/connector/resilience/errors.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/generators/errors.h"
#include "millrace/data/errors.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/errors.h"
#include "millrace/expr/errors.h"
#include "millrace/formats/arrow_ipc/errors.h"
#include "millrace/formats/avro/errors.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/fixed/errors.h"
#include "millrace/formats/flat/errors.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/orc/errors.h"
#include "millrace/formats/parquet/errors.h"
#include "millrace/formats/protobuf/errors.h"
#include "millrace/formats/text/errors.h"
#include "millrace/io/compression/errors.h"
#include "millrace/io/errors.h"
#include "millrace/operators/errors.h"
#include "millrace/plan/errors.h"
#include "millrace/runtime/errors.h"
#include "millrace/sql/errors.h"
#include "millrace/state/errors.h"

namespace millrace::engine {

std::vector<const ErrorSpec*> AllErrors() {
  const ErrorList lists[] = {
      errors::kBaseErrors,        errors::kConnectorErrors, errors::kEngineErrors,
      errors::kIoErrors,          errors::kCsvErrors,       errors::kJsonErrors,
      errors::kParquetErrors,     errors::kFilesErrors,     errors::kExprErrors,
      errors::kPlanErrors,        errors::kSqlErrors,       errors::kStateErrors,
      errors::kResilienceErrors,  errors::kDataErrors,      errors::kOperatorErrors,
      errors::kIpcErrors,         errors::kAvroErrors,      errors::kRuntimeErrors,
      errors::kCompressionErrors, errors::kOrcErrors,       errors::kProtobufErrors,
      errors::kTextErrors,        errors::kFlatErrors,      errors::kFixedErrors,
      errors::kGeneratorErrors};
  std::vector<const ErrorSpec*> out;
  for (const ErrorList& list : lists) out.insert(out.end(), list.begin(), list.end());
  return out;
}

}  // namespace millrace::engine
