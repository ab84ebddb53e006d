// Libraries that crash on damaged input are tried in a child process first.
#pragma once

#include <filesystem>
#include <functional>

namespace bitstate {

/// Does what `read` does with `file` in a child process, so that it ends by an Error here where it would end the
/// program: by a signal, or not within a second of computing and eight more for each MiB of the file (which may have
/// been compressed a thousandfold). Whatever `read` throws is ignored: it is to be called again by the caller. What is
/// caught so are crashes, not every misuse of memory. The child has the calling thread only.
void rehearse(const std::filesystem::path& file, const std::function<void()>& read);

/// What `read` returns, after rehearse().
template <class Read>
auto rehearsed(const std::filesystem::path& file, const Read& read) {
  rehearse(file, [&] { (void)read(); });
  return read();
}

}  // namespace bitstate
