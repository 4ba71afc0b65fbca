// Uploads: parts that wait in an object store, as uploads that nobody sees.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/memory_budget.h"
#include "millrace/connector/store_access.h"
#include "millrace/connectors/files/part_place.h"
#include "millrace/connectors/files/upload_token.h"

namespace millrace::files {

/// Where uploads go, and who sends them.
struct UploadOptions {
  std::shared_ptr<connector::StoreAccess> access;
  ObjectNames names;
  std::string incarnation;
  int64_t attempt = 0;
  std::string only_key;  ///< every part is this object; "": parts have names of their own
  Executor* executor = nullptr;
  std::shared_ptr<MemoryBudget> memory;
};

/// A part's bytes are gathered until they make a piece of 8 MiB or, in large objects, a
/// thousandth of what came before, so that 10,000 pieces are enough for any object. Full
/// pieces are sent by the executor, several at a time; when many wait, writers wait, too.
class Uploads final : public PartPlace, public std::enable_shared_from_this<Uploads> {
 public:
  explicit Uploads(UploadOptions options) : options_(std::move(options)) {}

  Result<std::shared_ptr<PendingPart>> Begin(WriterId writer, int64_t epoch,
                                             int64_t ordinal,
                                             const std::string& folder) override;
  Result<bool> Takes(const Waker& waker) override;
  std::string TokenOf(const Parts& parts, bool last) override;

  /// That object is complete, whoever began it.
  void Completed(const std::string& key);
  /// Abort what this process began and did not complete, but what tokens name where
  /// `spare_prepared` is set. Nobody uploads any more. Answers how many; of several
  /// failures the first.
  Result<int64_t> Abort(bool spare_prepared);

 private:
  class Upload;
  /// A piece to send.
  struct Job {
    std::shared_ptr<Upload> upload;
    int number = 0;  // from 1, the first begins the upload
    std::shared_ptr<arrow::Buffer> bytes;
  };

  void Enqueue(Job job);
  void Pump();
  void Run(Job job);
  Status Send(const Job& job);

  const UploadOptions options_;
  std::mutex mutex_;  // of all below, and of the state of uploads
  std::deque<Job> ready_;
  int running_ = 0;
  int waiting_ = 0;  // jobs that have not ended
  std::vector<Waker> wakers_;
  Status failed_;
  std::map<std::string, std::shared_ptr<Upload>> uploads_;  // not completed, by key
};

}  // namespace millrace::files
