// Ledger: a small sink for crash tests, in every commit class.
//
// Rows become lines of text in files of one folder. What a reader may see are the files
// named rows-*; everything else is what the class needs to get there.
#pragma once

#include "millrace/connector/registry.h"

namespace millrace::crash {

/// The connector 'ledger', with the options `path` (a folder) and `commit` (two_phase,
/// atomic, idempotent, none) and `stall_every` (writers are slow now and then).
connector::ConnectorSpec MakeLedgerConnector();

}  // namespace millrace::crash
