#include "experiments/mpi/mpi_team.h"

#include "core/error.h"

#include <mpi.h>

#include <limits>
#include <vector>

namespace bitstate::experiments {
namespace {

/// How many bytes each rank has, and where they begin, as MPI counts.
struct Parts {
  std::vector<int> counts, offsets;

  void add(std::size_t begin, std::size_t end) {
    require(end <= std::size_t{std::numeric_limits<int>::max()}, "mpi", "{} bytes are more than MPI sends at once",
            end);
    counts.push_back(static_cast<int>(end - begin));
    offsets.push_back(static_cast<int>(begin));
  }
};

Parts parts_at(std::span<const std::size_t> begins) {
  Parts parts;
  for (std::size_t r = 0; r + 1 < begins.size(); ++r) parts.add(begins[r], begins[r + 1]);
  return parts;
}

}  // namespace

MpiTeam::MpiTeam() {
  int provided = 0, rank = 0, size = 1;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  require(provided >= MPI_THREAD_SERIALIZED, "mpi", "this MPI library does not let several threads call it in turn");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  rank_ = static_cast<std::size_t>(rank);
  size_ = static_cast<std::size_t>(size);
}

MpiTeam::~MpiTeam() {
  MPI_Barrier(MPI_COMM_WORLD);  // who leaves early with an exit code ends those that still write
  MPI_Finalize();
}

void MpiTeam::gather_bytes(std::span<std::byte> all, std::span<const std::size_t> begins) {
  const Parts parts = parts_at(begins);
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all.data(), parts.counts.data(), parts.offsets.data(), MPI_BYTE,
                 MPI_COMM_WORLD);
}

void MpiTeam::scatter_bytes(std::span<const std::byte> own, std::span<const std::size_t> begins,
                            std::span<std::byte> parts) {
  const Parts sent = parts_at(begins);
  Parts received;
  const std::size_t each = parts.size() / size_;
  for (std::size_t r = 0; r < size_; ++r) received.add(r * each, (r + 1) * each);
  MPI_Alltoallv(own.data(), sent.counts.data(), sent.offsets.data(), MPI_BYTE, parts.data(), received.counts.data(),
                received.offsets.data(), MPI_BYTE, MPI_COMM_WORLD);
}

}  // namespace bitstate::experiments
