// The program with the sinks of the crash tests.
#include "millrace/cli/cli.h"
#include "tests/crash/ledger.h"

int main(int argc, char** argv) {
  return millrace::cli::Main(argc, argv, {millrace::crash::MakeLedgerConnector()});
}
