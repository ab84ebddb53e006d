// Text as sequences of characters: strict UTF-8, and the vocabulary of the characters that occur.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// The code points of UTF-8 `text`. Throws Error "[where] offset n: ..." at the first byte that is not UTF-8 (overlong
/// forms, surrogates and values beyond U+10FFFF are not); n counts bytes of `text`.
std::u32string code_points(std::string_view text, std::string_view where);

/// Characters by frequency, as torchtext's build_vocab_from_iterator numbers them with the specials <pad>, <unk>,
/// <eos>. First count() every training text (as much of it as will be encoded: S4 and S5 count truncated texts), then
/// build().
class CharacterVocabulary {
 public:
  static constexpr std::uint16_t pad = 0;
  static constexpr std::uint16_t unknown = 1;
  static constexpr std::uint16_t end = 2;

  void count(std::u32string_view text);

  /// Numbers the characters that were counted at least `min_freq` times: from 3 on by descending frequency, ties by
  /// code point. Throws Error if the vocabulary would exceed 65535. The counts are dropped.
  void build(std::size_t min_freq);

  /// Number of ids, the specials included.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// SHA-256 of the characters in the order of their ids.
  [[nodiscard]] std::string digest() const;

  /// Appends to `out` the ids of the first `max_characters` characters, then <eos>.
  void encode(std::u32string_view text, std::size_t max_characters, std::vector<std::uint16_t>& out) const;

 private:
  std::vector<std::uint64_t> counts_;  // by code point
  std::vector<std::uint16_t> ids_;     // by code point, as far as the largest that has one
  std::size_t size_ = 3;
};

}  // namespace bitstate::datasets
