// The processes that mpirun starts, as a team.
#pragma once

#include "experiments/training/team.h"

#include <cstddef>
#include <span>

namespace bitstate::experiments {

/// All processes of an MPI job. One thread at a time calls it, whichever. An error of MPI itself ends the job.
class MpiTeam final : public Team {
 public:
  MpiTeam();  ///< starts MPI; throws Error where its library cannot serve several threads
  /// Ends MPI, once all have come here.
  ~MpiTeam() override;

  [[nodiscard]] std::size_t rank() const override { return rank_; }
  [[nodiscard]] std::size_t size() const override { return size_; }

 private:
  void gather_bytes(std::span<std::byte> all, std::span<const std::size_t> begins) override;
  void scatter_bytes(std::span<const std::byte> own, std::span<const std::size_t> begins,
                     std::span<std::byte> parts) override;

  std::size_t rank_ = 0;
  std::size_t size_ = 1;
};

}  // namespace bitstate::experiments
