// What plots are drawn on: SVG text in a page, or a file of its own as SVG or PDF.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// Colours by what they are for. Those of series follow one another: Ink::series + i.
enum class Ink { none, paper, text, soft, rule, heat, series };

inline constexpr std::size_t series_colours = 8;

struct Colour {
  std::string_view name;  ///< of the page's CSS variable, without its dashes
  std::string_view light;
  std::string_view dark;
};

/// In the order of Ink, without `none`. The series' are Okabe and Ito's, which people with any colour vision tell
/// apart, darkened where they are too pale for thin lines.
inline constexpr std::array<Colour, 5 + series_colours> palette = {{
    {"paper", "#ffffff", "#14181b"},
    {"ink", "#1c2024", "#e6eaec"},
    {"soft", "#5c6770", "#9aa6af"},
    {"rule", "#dfe3e6", "#30383e"},
    {"heat", "#167a6e", "#2dbea5"},
    {"s0", "#0072b2", "#56b4e9"},
    {"s1", "#d55e00", "#ff8a3d"},
    {"s2", "#009e73", "#2ecc9a"},
    {"s3", "#b0509a", "#e08bc8"},
    {"s4", "#8a6d00", "#e6c229"},
    {"s5", "#3a9fd8", "#9ad1f5"},
    {"s6", "#5b3fa0", "#b59cf2"},
    {"s7", "#555555", "#bbbbbb"},
}};

/// The colour of an ink other than `none`, `i` steps further.
constexpr const Colour& colour_of(Ink ink) { return palette[static_cast<std::size_t>(ink) - 1]; }
constexpr Ink series_ink(std::size_t i) {
  return static_cast<Ink>(static_cast<std::size_t>(Ink::series) + i % series_colours);
}

/// A place in CSS pixels (1/96 inch) from the upper left corner.
struct Spot {
  double x = 0.0;
  double y = 0.0;
};

enum class Dash { solid, long_dashes, short_dashes, dash_dot, dots };

/// Lengths of dashes and gaps in turn; none for a solid line.
inline std::vector<unsigned short> dash_lengths(Dash dash) {
  const std::array<std::vector<unsigned short>, 5> lengths = {{{}, {7, 4}, {3, 3}, {9, 3, 2, 3}, {1, 3}}};
  return lengths[static_cast<std::size_t>(dash)];
}

/// How a shape is filled and outlined.
struct Paint {
  Ink fill = Ink::none;
  Ink stroke = Ink::none;
  double width = 1.0;  ///< of the stroke
  Dash dash = Dash::solid;
  double opacity = 1.0;  ///< of the fill
};

enum class Anchor { start, middle, end };

struct TextStyle {
  double size = 12.0;
  Anchor anchor = Anchor::start;
  Ink ink = Ink::text;
  bool bold = false;
  bool upwards = false;  ///< turned by 90 degrees
};

class Canvas {
 public:
  Canvas() = default;
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;
  virtual ~Canvas() = default;

  /// What is drawn up to end() is one thing, which has a name where the medium can show it.
  virtual void begin(std::string_view name) = 0;
  virtual void end() = 0;
  virtual void path(const std::vector<Spot>& spots, bool closed, const Paint& paint) = 0;
  virtual void circle(Spot centre, double radius, const Paint& paint) = 0;
  /// `spot` is on the baseline.
  virtual void text(Spot spot, std::string_view text, const TextStyle& style) = 0;
  /// The file's bytes, or the element's text. To be called once, at the end.
  virtual std::string finish() = 0;
};

struct PictureSize {
  double width = 0.0;
  double height = 0.0;
};

/// An <svg> element for a page that defines the palette as CSS variables, or (`is_file`) a whole file with the light
/// colours on white. `name` is what is read out in place of the picture.
std::unique_ptr<Canvas> svg_canvas(PictureSize extent, std::string_view name, bool is_file);

/// Where Debian's fonts-liberation has Liberation Sans, which has the widths of Helvetica.
inline constexpr const char* pdf_fonts = "/usr/share/fonts/truetype/liberation";

/// Whether the files of Liberation Sans are in `fonts`.
bool has_pdf_fonts(const std::filesystem::path& fonts = pdf_fonts);

/// A PDF file of one page in the light colours. It embeds what it needs of Liberation Sans. Where that is missing or
/// damaged, it names Helvetica without embedding it, and characters outside Windows-1252 become question marks. Equal
/// drawings give equal bytes. finish() throws Error if libharu fails.
std::unique_ptr<Canvas> pdf_canvas(PictureSize extent, const std::filesystem::path& fonts = pdf_fonts);

/// The width of a text at most: that in Helvetica, widened since DejaVu Sans stands in for it on many machines.
double text_width(std::string_view text, double size);

}  // namespace bitstate::experiments
