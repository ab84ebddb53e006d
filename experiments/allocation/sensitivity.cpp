#include "experiments/allocation/sensitivity.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "core/suggest.h"
#include "experiments/allocation/finetune.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/host/text_table.h"
#include "experiments/results/texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

std::string_view kind_name(SiteKind kind) {
  switch (kind) {
    case SiteKind::weight:
      return "weight";
    case SiteKind::bias:
      return "bias";
    case SiteKind::act:
      return "act";
    case SiteKind::acc:
      return "acc";
    case SiteKind::state:
      return "state";
  }
  return "";
}

/// Rows that nothing is measured of yet.
std::vector<SensitivityRow> planned_rows(const SiteTable& table) {
  std::vector<SensitivityRow> rows;
  const auto add = [&](const std::string& name, std::string_view kind, const std::vector<std::size_t>& sites) {
    for (std::size_t w = 0; w < table.widths.size(); ++w) {
      SensitivityRow row{name, std::string(kind), 0, table.widths[w], 0, "", {}};
      for (const std::size_t i : sites) {
        row.numbers += table.sites[i].numbers;
        row.stored_bits += table.sites[i].stored_bits[w];
        row.rules += table.sites[i].rule(row.bits) + "\n";
      }
      rows.push_back(std::move(row));
    }
  };
  for (std::size_t i = 0; i < table.sites.size(); ++i) add(table.sites[i].site, kind_name(table.sites[i].kind), {i});
  for (const SiteGroup& group : table.groups()) add(group.name, "group", group.sites);
  return rows;
}

/// The sites, or the groups, as lines of a table, what costs most with the fewest bits first.
void add_lines(const Sensitivity& sensitivity, bool groups, Cells& cells) {
  std::vector<std::vector<const SensitivityRow*>> sites;  // the rows of each
  for (const SensitivityRow& row : sensitivity.rows) {
    if ((row.kind == "group") != groups) continue;
    if (sites.empty() || sites.back().front()->site != row.site) sites.emplace_back();
    sites.back().push_back(&row);
  }
  std::stable_sort(sites.begin(), sites.end(), [&](const auto& a, const auto& b) {
    return sensitivity.loss_difference(*a.back()) > sensitivity.loss_difference(*b.back());
  });
  const std::string_view metric = metric_name(sensitivity.metric);
  for (const auto& rows : sites) {
    std::vector<std::string>& line = cells.emplace_back();
    line = {rows.front()->site, fmt::format("{}", rows.front()->numbers)};
    for (const SensitivityRow* row : rows) {
      std::string cell = row->measured ? metric_text(metric, row->measured->metric) : "diverges";
      if (row->finetuned) cell += " > " + metric_text(metric, *row->finetuned);
      line.push_back(std::move(cell));
    }
  }
}

/// Says which part of SITE[:BITS] there is not.
[[noreturn]] void refuse_site(const std::string& text, const std::vector<SensitivityRow>& rows,
                              const std::vector<int>& widths) {
  std::vector<std::string> sites;
  for (const SensitivityRow& row : rows) {
    if (!is_one_of(row.site, sites)) sites.push_back(row.site);
  }
  const std::size_t colon = std::min(text.rfind(':'), text.size());
  const std::string before = text.substr(0, colon);
  require<UsageError>(!is_one_of(before, sites), "finetune",
                      "expected one of the --widths {} behind \"{}:\", got \"{}\"", fmt::join(widths, ","), before,
                      text.substr(std::min(colon + 1, text.size())));
  const bool has_bits = text.find_first_not_of("0123456789", colon + 1) == text.npos;
  const std::string site = has_bits ? before : text;
  fail<UsageError>("finetune", "the table has no site \"{}\"{}", site, suggestion(site, sites));
}

/// Fine-tunes the rows of `chosen` or, if there are none, what costs most alone; one row after the other, so that a
/// stop loses nothing.
void finetune_rows(const SensitivityOptions& options, const MeasuredRun& run, std::vector<std::size_t> chosen,
                   Sensitivity& sensitivity) {
  const Finetuning tuning{options.measurement, run.holds_out(), options.finetune_epochs};
  if (chosen.empty()) {
    chosen = sensitivity.most_sensitive();
    chosen.resize(std::min(chosen.size(), options.finetune));
  }
  for (const std::size_t index : chosen) {
    SensitivityRow& row = sensitivity.rows[index];
    std::string name = fmt::format("{}-{}", row.site, row.bits);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == ':' || c == ' '; }, '-');
    print_line(fmt::format("fine-tuning {} with {} bits", row.site, row.bits));
    const TrainResult result = finetune(tuning, run.base() + row.rules, options.measurement.measured / "runs" / name);
    if (result.status == "done") row.finetuned = result.val_metric;
    write_file_atomically(options.measurement.measured / "sensitivity.csv", sensitivity_csv(sensitivity));
  }
}

}  // namespace

double Sensitivity::loss_difference(const SensitivityRow& row) const {
  return row.measured ? row.measured->loss - base->loss : std::numeric_limits<double>::infinity();
}

std::vector<std::size_t> Sensitivity::most_sensitive() const {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].kind != "group") order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return loss_difference(rows[a]) > loss_difference(rows[b]); });
  return order;
}

std::vector<std::size_t> chosen_rows(const SiteTable& table, const std::vector<std::string>& sites) {
  const std::vector<SensitivityRow> rows = planned_rows(table);
  std::vector<std::size_t> chosen;
  for (const std::string& text : sites) {
    bool is_there = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (text != rows[i].site && text != fmt::format("{}:{}", rows[i].site, rows[i].bits)) continue;
      is_there = true;
      if (std::find(chosen.begin(), chosen.end(), i) == chosen.end()) chosen.push_back(i);
    }
    if (!is_there) refuse_site(text, rows, table.widths);
  }
  return chosen;
}

std::string sensitivity_csv(const Sensitivity& sensitivity) {
  const Figures& base = *sensitivity.base;
  std::string text = "site,kind,numbers,bits,bytes,metric,difference,loss,loss_difference,finetuned\n";
  text += fmt::format("the run as it is,base,,,,{},0,{},0,\n", base.metric, base.loss);
  for (const SensitivityRow& row : sensitivity.rows) {
    text += fmt::format("{},{},{},{},{}", row.site, row.kind, row.numbers, row.bits,
                        static_cast<double>(row.stored_bits) / 8.0);
    if (row.measured) {
      text += fmt::format(",{},{},{},{},", row.measured->metric, row.measured->metric - base.metric, row.measured->loss,
                          row.measured->loss - base.loss);
    } else {
      text += ",,,,,";
    }
    text += row.finetuned ? fmt::format("{}\n", *row.finetuned) : "\n";
  }
  return text;
}

std::string sensitivity_text(const Sensitivity& sensitivity) {
  Cells cells{{"site", "numbers"}};
  for (const SensitivityRow& row : sensitivity.rows) {
    if (row.site == sensitivity.rows.front().site) cells[0].push_back(fmt::format("{} bits", row.bits));
  }
  add_lines(sensitivity, false, cells);
  cells.emplace_back(cells[0].size());
  add_lines(sensitivity, true, cells);
  const std::string_view metric = metric_name(sensitivity.metric);
  return fmt::format("validation {} with one site at these bits; of the run as it is: {}\n\n{}", metric,
                     metric_text(metric, sensitivity.base->metric), aligned(cells, "l"));
}

Sensitivity measure_sensitivity(MeasuredRun& run, const fs::path& folder) {
  Sensitivity sensitivity{run.metric(), run.measure(""), {}};
  require(sensitivity.base.has_value(), "sensitivity", "the run itself gives a NaN or an infinity on validation data");
  std::vector<SensitivityRow> rows = planned_rows(run.table());
  ProgressBar bar(rows.size(), 0);
  const auto write = [&] { write_file_atomically(folder / "sensitivity.csv", sensitivity_csv(sensitivity)); };
  try {
    for (SensitivityRow& row : rows) {
      bar.show(sensitivity.rows.size(), fmt::format("{} with {} bits", row.site, row.bits));
      row.measured = run.measure(row.rules);
      sensitivity.rows.push_back(std::move(row));
    }
  } catch (const Stopped&) {
    write();
    throw;
  }
  write();
  return sensitivity;
}

int run_sensitivity(const SensitivityOptions& options, bool json) {
  const fs::path& folder = options.measurement.measured;
  const FolderLock lock(folder);
  MeasuredRun run(options.measurement);
  std::vector<std::size_t> chosen = chosen_rows(run.table(), options.finetune_sites);
  if (options.finetune > 0 || !chosen.empty())
    check_epochs({options.measurement, run.holds_out(), options.finetune_epochs});
  print_line(run.data_summary());
  try {
    Sensitivity sensitivity = [&] {
      const StopSignals signals;
      return measure_sensitivity(run, folder);
    }();
    finetune_rows(options, run, std::move(chosen), sensitivity);
    fmt::print("{}\n{}\n", sensitivity_text(sensitivity), (folder / "sensitivity.csv").string());
    if (json) {
      fmt::print("{}\n", nlohmann::json{{"rows", sensitivity.rows.size()},
                                        {"metric", metric_name(sensitivity.metric)},
                                        {"base", sensitivity.base->metric},
                                        {"csv", (folder / "sensitivity.csv").string()}}
                             .dump());
    }
    return 0;
  } catch (const Stopped&) {
    print_line("stopped; the same command continues");
    return exit_interrupted;
  }
}

}  // namespace bitstate::experiments
