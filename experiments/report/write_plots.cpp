#include "core/error.h"
#include "experiments/report/figures.h"
#include "experiments/report/report.h"

#include <fstream>
#include <regex>
#include <set>
#include <string_view>
#include <system_error>

namespace bitstate::experiments {

namespace {

namespace fs = std::filesystem;

constexpr const char* script_ending = ".gnuplot";  // the last of a figure's files to be written and to be removed

/// Not flushed to the disk one by one: there are many of these files, and they can be drawn again.
void write_plot(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  require(!file.fail(), path.string(), "cannot be written");
}

bool is_name_of_figure(const std::string& name) {
  static const std::regex pattern(
      "(bits|difference|curve)-[a-z0-9.-]+|(heat-map|size|multiplier|allocation)(-[0-9]+)?|"
      "row[0-9]{2,}-(saturation|range|eigenvalues|confusion)-[a-z0-9.-]*");
  return std::regex_match(name, pattern);
}

/// Removes figures of an earlier report. All else stays: a script without data beside it is none of ours.
void remove_others(const fs::path& folder, const std::set<std::string>& written) {
  std::error_code none;  // an old plot that cannot be removed costs nobody the new ones
  std::set<std::string> old;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().stem().string();
    const bool whole = entry.path().extension() == script_ending && fs::exists(folder / (name + ".csv"), none);
    if (whole && is_name_of_figure(name) && written.count(name) == 0) old.insert(name);
  }
  for (const auto& name : old) {
    for (const char* ending : {".svg", ".pdf", ".csv", script_ending}) fs::remove(folder / (name + ending), none);
  }
}

}  // namespace

std::string_view font_note() {
  return has_pdf_fonts() ? ""
                         : "plots/*.pdf embed no font, which journals refuse: install Debian's fonts-liberation, and "
                           "write the report again";
}

void write_plots(const Report& report, const fs::path& folder) {
  std::vector<Figure> figures = report_figures(report);
  for (const auto& row : report.rows) {
    for (auto& figure : row_figures(report, row)) figures.push_back(std::move(figure));
  }
  if (!figures.empty()) fs::create_directories(folder);
  std::set<std::string> written;
  for (const auto& figure : figures) {
    write_plot(folder / (figure.name + ".svg"), figure_svg(figure, true));
    write_plot(folder / (figure.name + ".pdf"), figure_pdf(figure));
    write_plot(folder / (figure.name + ".csv"), figure_csv(figure));
    write_plot(folder / (figure.name + script_ending), figure_gnuplot(figure));
    written.insert(figure.name);
  }
  remove_others(folder, written);
}

}  // namespace bitstate::experiments
