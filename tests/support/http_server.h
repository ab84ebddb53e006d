// A web server on 127.0.0.1 that answers as a test says, byte for byte.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bitstate::tests {

struct HttpRequest {
  std::string target;                          ///< "/file", or the whole address if the server is used as a proxy
  std::map<std::string, std::string> headers;  ///< names in lower case
};

struct HttpReply {
  std::string bytes;            ///< status line, headers and body as they go over the wire
  bool hold = false;            ///< leaves the connection open until the client closes it
  std::function<void()> after;  ///< called when the bytes are sent
};

/// Answers one request a connection, one connection after the other, in a thread of its own.
class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;
  explicit HttpServer(Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "http://127.0.0.1:PORT" and `path`.
  [[nodiscard]] std::string url(const std::string& path) const;
  /// What has been asked so far.
  [[nodiscard]] std::vector<HttpRequest> requests() const;

 private:
  void serve();
  void answer(int connection);

  Handler handler_;
  int socket_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace bitstate::tests
