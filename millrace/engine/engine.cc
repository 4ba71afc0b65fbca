#include "millrace/engine/engine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "millrace/connectors/blackhole/blackhole.h"
#include "millrace/connectors/files/files.h"
#include "millrace/connectors/generators/datagen/datagen.h"
#include "millrace/connectors/generators/nexmark/nexmark.h"
#include "millrace/connectors/print/print.h"
#include "millrace/functions/functions.h"

namespace millrace::engine {

namespace {

// Blocking calls of connectors that may be under way at the same time.
constexpr int kConnectorThreads = 16;

int Cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Respects the affinity mask, unlike the number of processors.
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

int64_t MachineMemory() {
  return static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGE_SIZE);
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Make(const EngineOptions& options,
                                             Surroundings surroundings) {
  std::unique_ptr<Engine> engine(new Engine);
  engine->scheduler_ = std::move(surroundings.scheduler);
  engine->shards_ = engine->scheduler_   ? engine->scheduler_->shards()
                    : options.shards > 0 ? options.shards
                                         : Cores();
  engine->pin_ = options.pin;
  engine->memory_limit_ =
      options.memory_limit > 0 ? options.memory_limit : MachineMemory() / 2;
  engine->clock_ = surroundings.clock ? std::move(surroundings.clock)
                                      : std::make_unique<SystemClock>();
  engine->executor_ = surroundings.executor ? std::move(surroundings.executor)
                                            : MakeThreadExecutor(kConnectorThreads);
  engine->timers_ = surroundings.timers ? std::move(surroundings.timers)
                                        : MakeThreadTimers(engine->clock_.get());
  engine->files_ =
      surroundings.files ? std::move(surroundings.files) : io::MakeLocalFileSystem();
  engine->environment_ = surroundings.environment
                             ? std::move(surroundings.environment)
                             : [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  };
  const auto folder = [&](const char* name) {
    const auto value = engine->environment_(name);
    return value && !value->empty() ? value : std::nullopt;
  };
  engine->spill_ = std::make_unique<operators::SpillSpace>(
      folder("MILLRACE_SPILL_DIR").value_or(folder("TMPDIR").value_or("/tmp")));
  ARROW_RETURN_NOT_OK(engine->RegisterBuiltIns());
  for (connector::ConnectorSpec& spec : surroundings.connectors) {
    ARROW_RETURN_NOT_OK(engine->connectors_.Add(std::move(spec)));
  }
  return engine;
}

Engine::~Engine() = default;

Status Engine::RegisterBuiltIns() {
  formats_.push_back(formats::MakeCompressible(formats::MakeCsvFormat()));
  formats_.push_back(formats::MakeCompressible(formats::MakeJsonFormat()));
  formats_.push_back(formats::MakeCompressible(formats::MakeFixedFormat()));
  formats_.push_back(formats::MakeParquetFormat());
  formats_.push_back(formats::MakeAvroFormat());
  formats_.push_back(formats::MakeOrcFormat());
  formats_.push_back(formats::MakeProtobufFormat());
  formats_.push_back(formats::MakeArrowFormat());
  formats_.push_back(formats::MakeArrowStreamFormat());
  ARROW_RETURN_NOT_OK(connectors_.Add(files::MakeFilesConnector(formats_)));
  ARROW_RETURN_NOT_OK(connectors_.Add(blackhole::MakeBlackholeConnector()));
  ARROW_RETURN_NOT_OK(connectors_.Add(generators::MakeDatagenConnector()));
  ARROW_RETURN_NOT_OK(connectors_.Add(generators::MakeNexmarkConnector()));
  ARROW_RETURN_NOT_OK(connectors_.Add(print::MakePrintConnector(formats_)));
  return functions::RegisterAll(functions_);
}

runtime::Scheduler& Engine::scheduler() {
  std::lock_guard lock(starting_);
  if (!scheduler_) scheduler_ = runtime::MakeThreadScheduler(shards_, pin_);
  return *scheduler_;
}

std::shared_ptr<MemoryBudget> Engine::NewBudget() const {
  return MemoryBudget::Make(memory_limit_, ProcessMemoryPool());
}

connector::Surroundings Engine::For(const std::string& name,
                                    std::shared_ptr<MemoryBudget> memory) {
  connector::Surroundings out;
  out.files = files_;
  out.executor = executor_.get();
  out.timers = timers_.get();
  out.clock = clock_.get();
  out.memory = std::move(memory);
  out.environment = environment_;
  out.pipeline = name;
  return out;
}

}  // namespace millrace::engine
