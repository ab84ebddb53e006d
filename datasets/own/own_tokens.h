// The user's own token ids and texts, to be predicted one by one.
#pragma once

#include "datasets/dataset.h"
#include "datasets/own/own.h"
#include "datasets/own/own_parts.h"
#include "datasets/windows.h"

#include <filesystem>
#include <optional>

namespace bitstate::datasets {

/// Whether it is, or is a folder that holds, .npy or .txt files; a folder that also holds tables is one of series.
bool holds_tokens(const std::filesystem::path& file_or_folder);

/// Data from
///   a .npy   ids of one text, or [rows, ids] of one text per row (npy_ids.h)
///   a .txt   the bytes of one text: a vocabulary of 256
///   parts: each of them such a file or a folder of them
/// One file of a single text is cut behind 80 and 90 % of its ids, or behind the next own.document_end; one of several
/// texts behind 80 and 90 % of them. Windows are those of own_data(), of texts instead of series, and every step asks
/// for the id that follows. Throws UsageError for options that are not for tokens, Error for damaged files, for ids
/// that are not below own.vocabulary or what a model was trained with, and for parts without two ids.
Splits own_tokens(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                  const StreamSettings& stream, const std::optional<Reading>& reading);

}  // namespace bitstate::datasets
