#include "experiments/plots/canvas.h"
#include "experiments/plots/page_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitstate::experiments {

namespace {

/// In units of the font's size / 1000, from the blank to the tilde: Adobe's metrics of Helvetica.
constexpr std::array<int, 95> helvetica = {
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333,  278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,  611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278,  556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,  500, 334, 260, 334, 584};

/// A number with at most two decimals and no trailing zeros.
std::string number(double value) {
  std::string text = fmt::format("{:.2f}", value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

class SvgCanvas final : public Canvas {
 public:
  SvgCanvas(PictureSize extent, std::string_view name, bool is_file) : is_file_(is_file) {
    const std::string size = fmt::format("width=\"{}\" height=\"{}\" ", number(extent.width), number(extent.height));
    svg_ = fmt::format(
        "<svg {}viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" font-family=\"Helvetica, Arial, "
        "'Liberation Sans', sans-serif\">\n",
        is_file ? "xmlns=\"http://www.w3.org/2000/svg\" " + size : "", number(extent.width), number(extent.height),
        html_escaped(name));
    if (is_file)
      path({{0, 0}, {extent.width, 0}, {extent.width, extent.height}, {0, extent.height}}, true, {.fill = Ink::paper});
  }

  void begin(std::string_view name) override { svg_ += "<g><title>" + html_escaped(name) + "</title>"; }
  void end() override { svg_ += "</g>\n"; }

  void path(const std::vector<Spot>& spots, bool closed, const Paint& paint) override {
    svg_ += "<path d=\"";
    for (std::size_t i = 0; i < spots.size(); ++i) {
      svg_ += fmt::format("{}{} {}", i == 0 ? "M" : "L", number(spots[i].x), number(spots[i].y));
    }
    svg_ += fmt::format("{}\"{}/>\n", closed ? "Z" : "", attributes(paint));
  }

  void circle(Spot centre, double radius, const Paint& paint) override {
    svg_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>\n", number(centre.x), number(centre.y),
                        number(radius), attributes(paint));
  }

  void text(Spot spot, std::string_view text, const TextStyle& style) override {
    constexpr std::array anchors = {"start", "middle", "end"};
    svg_ += fmt::format(
        "<text x=\"{0}\" y=\"{1}\" font-size=\"{2}\" text-anchor=\"{3}\" fill=\"{4}\"{5}{6}>{7}</text>\n",
        number(spot.x), number(spot.y), number(style.size), anchors[static_cast<std::size_t>(style.anchor)],
        colour(style.ink), style.bold ? " font-weight=\"bold\"" : "",
        style.upwards ? fmt::format(" transform=\"rotate(-90 {} {})\"", number(spot.x), number(spot.y)) : "",
        html_escaped(text));
  }

  std::string finish() override { return svg_ + "</svg>\n"; }

 private:
  [[nodiscard]] std::string colour(Ink ink) const {
    if (ink == Ink::none) return "none";
    return is_file_ ? std::string(colour_of(ink).light) : fmt::format("var(--{})", colour_of(ink).name);
  }

  [[nodiscard]] std::string attributes(const Paint& paint) const {
    std::string text = fmt::format(" fill=\"{}\"", colour(paint.fill));
    if (paint.opacity < 1.0) text += fmt::format(" fill-opacity=\"{}\"", number(paint.opacity));
    if (paint.stroke == Ink::none) return text;
    text += fmt::format(" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"", colour(paint.stroke),
                        number(paint.width));
    if (paint.dash != Dash::solid)
      text += fmt::format(" stroke-dasharray=\"{}\"", fmt::join(dash_lengths(paint.dash), " "));
    return text;
  }

  std::string svg_;
  bool is_file_;
};

}  // namespace

std::unique_ptr<Canvas> svg_canvas(PictureSize extent, std::string_view name, bool is_file) {
  return std::make_unique<SvgCanvas>(extent, name, is_file);
}

double text_width(std::string_view text, double size) {
  double width = 0.0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) continue;  // goes on with a character of several bytes
    width += byte >= 32 && byte < 127 ? helvetica[byte - 32U] : 600;
  }
  return 1.16 * width * size / 1000.0;
}

}  // namespace bitstate::experiments
