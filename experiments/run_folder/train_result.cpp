#include "core/error.h"
#include "experiments/run_folder/train.h"
#include "experiments/training/metric.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace bitstate::experiments {
namespace {

using nlohmann::json;

json figures(const TrainResult& result) {
  json line = {{"epochs", result.epochs},
               {"seconds", result.seconds},
               {"tokens_per_second", result.tokens_per_second},
               {"peak_rss_bytes", result.peak_rss_bytes},
               {"weights_digest", result.weights_digest}};
  if (result.size_bits > 0) line["size_bits"] = result.size_bits;
  if (result.poles.multiplier_bits > 0) line["a_width"] = result.poles.multiplier_bits;
  if (result.poles.products > 0) line["a_products"] = result.poles.products;
  if (result.poles.stored_bits > 0) line["a_stored_bits"] = result.poles.stored_bits;
  if (!result.program.empty()) line["program"] = result.program;
  if (!result.extended_from.empty()) line["extended_from"] = result.extended_from;
  if (!result.date.empty()) line["date"] = result.date;
  if (result.cores > 0) line["machine"] = {{"cpu", result.cpu}, {"cores", result.cores}};
  if (result.status == "given up") {
    line["give_up"] = result.give_up;
    line["attempt"] = result.attempt;
    line["val_" + result.metric_name] = result.val_metric;
  }
  if (result.status == "done") {  // another run has no test figures
    line["val_" + result.metric_name] = result.val_metric;
    line["test_" + result.metric_name] = result.test_metric;
    line["test_loss"] = result.test_loss;
    if (is_in_bits(result.metric_name)) line["test_perplexity"] = std::exp2(result.test_metric);
    add_details(line, result.test_details);
  }
  return line;
}

TrainResult from_json(const json& line) {
  TrainResult r;
  r.status = line.at("status");
  r.reason = line.value("reason", "");
  r.metric_name = line.at("metric");
  r.val_metric = line.value("val_" + r.metric_name, 0.0);
  r.test_metric = line.value("test_" + r.metric_name, 0.0);
  r.test_loss = line.value("test_loss", 0.0);
  r.test_details = details_from_json(line);
  r.epochs = line.value("epochs", std::uint64_t{0});
  r.seconds = line.value("seconds", 0.0);
  r.tokens_per_second = line.value("tokens_per_second", 0.0);
  r.peak_rss_bytes = line.value("peak_rss_bytes", std::uint64_t{0});
  r.weights_digest = line.value("weights_digest", "");
  r.size_bits = line.value("size_bits", std::uint64_t{0});
  r.poles = {line.value("a_stored_bits", 0), line.value("a_products", 0), line.value("a_width", 0)};
  r.program = line.value("program", "");
  r.extended_from = line.value("extended_from", "");
  r.date = line.value("date", "");
  const json machine = line.value("machine", json::object());
  r.cpu = machine.value("cpu", "");
  r.cores = machine.value("cores", 0U);
  r.give_up = line.value("give_up", "");
  r.attempt = line.value("attempt", 0U);
  r.exit_code = r.status == "done" ? 0 : 1;
  return r;
}

}  // namespace

std::string to_json(const TrainResult& result) {
  json line = figures(result);
  line["status"] = result.status;
  line["metric"] = result.metric_name;
  if (!result.reason.empty()) line["reason"] = result.reason;
  return line.dump();
}

TrainResult result_from_json(const std::string& text, const std::string& file) {
  try {
    return from_json(json::parse(text));
  } catch (const json::exception& error) {
    fail("train", "{} is damaged ({}); remove it to finish the run again", file, error.what());
  }
}

}  // namespace bitstate::experiments
