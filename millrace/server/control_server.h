// ControlServer: takes requests of local clients, and hands them to a supervisor.
//
// The socket belongs to the user (mode 0600): who can connect may do everything. A lock
// file beside it, which the system gives back when its holder dies, tells a server that
// lives from a socket that a killed one left.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "millrace/base/result.h"
#include "millrace/server/control_socket.h"
#include "millrace/server/supervisor.h"

namespace millrace::server {

/// One thread that accepts and one a connection; all end with the object.
class ControlServer {
 public:
  /// Take the place, without answering yet. Fails with kServerRunning or
  /// kSocketUnusable.
  static Result<std::unique_ptr<ControlServer>> Make(const std::string& path);
  /// Clients that wait for a pipeline are waited for: stop all of them first.
  ~ControlServer();

  /// Answer from now on. `supervisor` outlives the server.
  Status Start(Supervisor* supervisor);
  /// Take no more requests; those under way are answered.
  void Stop();

 private:
  struct Connection {
    Descriptor peer;
    std::thread thread;
    bool ended = false;
  };
  ControlServer(std::string path, Descriptor lock, Descriptor socket);
  void Accept();
  void Serve(Connection& connection);
  void Collect();

  const std::string path_;
  const Descriptor lock_;
  const Descriptor socket_;
  Supervisor* supervisor_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::list<Connection> connections_;
};

}  // namespace millrace::server
