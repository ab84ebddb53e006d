#include "core/error.h"
#include "experiments/plots/canvas.h"

#include <hpdf.h>

#include <algorithm>
#include <charconv>
#include <numbers>

namespace bitstate::experiments {

namespace {

constexpr float points_per_pixel = 0.75F;
constexpr const char* regular_file = "LiberationSans-Regular.ttf";
constexpr const char* bold_file = "LiberationSans-Bold.ttf";

struct Encoded {
  std::string text;
  bool whole = true;  ///< no character is missing, for which there is a question mark
};

/// UTF-8 as Windows-1252, which is how the fonts that every PDF reader has are encoded.
Encoded windows_1252(std::string_view text) {
  constexpr std::array<unsigned, 32> upper = {// of 0x80 to 0x9F; 0 where there is none
                                              0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                              0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                              0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                              0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
  Encoded encoded;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i++]);
    const unsigned more = byte >= 0xF0U ? 3U : byte >= 0xE0U ? 2U : byte >= 0xC0U ? 1U : 0U;
    unsigned code = more == 0U ? byte : byte & (0x3FU >> more);
    for (unsigned k = 0; k < more && i < text.size(); ++k)
      code = code << 6U | (static_cast<unsigned char>(text[i++]) & 0x3FU);
    if (code == 0x2212U) code = 0x2013U;  // a minus is drawn as a dash of its length
    const auto* const found = std::find(upper.begin(), upper.end(), code);
    if ((code >= 0x20U && code < 0x7FU) || (code >= 0xA0U && code < 0x100U && more > 0U)) {
      encoded.text += static_cast<char>(code);
    } else {
      const bool known = found != upper.end() && code != 0;
      encoded.text += known ? static_cast<char>(0x80 + (found - upper.begin())) : '?';
      encoded.whole = encoded.whole && known;
    }
  }
  return encoded;
}

/// Each call of libharu may fail; it remembers the first failure, which finish() reports.
class PdfCanvas final : public Canvas {
 public:
  PdfCanvas(PictureSize extent, const std::filesystem::path& fonts)
      : document_(HPDF_New(ignore, nullptr)), height_(static_cast<float>(extent.height)) {
    require(document_ != nullptr, "pdf", "libharu has no memory for a document");
    HPDF_SetCompressionMode(document_, HPDF_COMP_ALL);
    page_ = HPDF_AddPage(document_);
    HPDF_Page_SetWidth(page_, static_cast<float>(extent.width) * points_per_pixel);
    HPDF_Page_SetHeight(page_, height_ * points_per_pixel);
    HPDF_Page_Concat(page_, points_per_pixel, 0, 0, points_per_pixel, 0, 0);
    if (has_pdf_fonts(fonts)) embed(fonts);
    regular_ = HPDF_GetFont(document_, names_[0], "WinAnsiEncoding");
    bold_ = HPDF_GetFont(document_, names_[1], "WinAnsiEncoding");
    HPDF_Page_SetLineJoin(page_, HPDF_ROUND_JOIN);
  }
  PdfCanvas(const PdfCanvas&) = delete;
  PdfCanvas& operator=(const PdfCanvas&) = delete;
  ~PdfCanvas() override { HPDF_Free(document_); }

  void begin(std::string_view /*name*/) override {}
  void end() override {}

  void path(const std::vector<Spot>& spots, bool closed, const Paint& paint) override {
    if (spots.empty()) return;
    use(paint);
    HPDF_Page_MoveTo(page_, x(spots.front()), y(spots.front()));
    for (std::size_t i = 1; i < spots.size(); ++i) HPDF_Page_LineTo(page_, x(spots[i]), y(spots[i]));
    if (closed) HPDF_Page_ClosePath(page_);
    draw(paint);
  }

  void circle(Spot centre, double radius, const Paint& paint) override {
    use(paint);
    HPDF_Page_Circle(page_, x(centre), y(centre), static_cast<float>(radius));
    draw(paint);
  }

  void text(Spot spot, std::string_view text, const TextStyle& style) override {
    Encoded encoded = windows_1252(text);
    HPDF_Font font = style.bold ? bold_ : regular_;
    if (embedded_ && !encoded.whole) {  // only then, since readers warn of libharu's tables for UTF-8
      font = HPDF_GetFont(document_, names_[style.bold ? 1 : 0], "UTF-8");
      encoded.text = text;
    }
    HPDF_Page_SetFontAndSize(page_, font, static_cast<float>(style.size));
    const auto colour = rgb(style.ink);
    HPDF_Page_SetRGBFill(page_, colour[0], colour[1], colour[2]);
    const float back = HPDF_Page_TextWidth(page_, encoded.text.c_str()) * static_cast<float>(style.anchor) / 2.0F;
    HPDF_Page_BeginText(page_);
    if (style.upwards) {
      HPDF_Page_SetTextMatrix(page_, 0, 1, -1, 0, x(spot), y(spot) - back);
    } else {
      HPDF_Page_SetTextMatrix(page_, 1, 0, 0, 1, x(spot) - back, y(spot));
    }
    HPDF_Page_ShowText(page_, encoded.text.c_str());
    HPDF_Page_EndText(page_);
  }

  std::string finish() override {
    HPDF_SaveToStream(document_);
    std::string bytes(HPDF_GetStreamSize(document_), '\0');
    auto size = static_cast<HPDF_UINT32>(bytes.size());
    HPDF_ResetStream(document_);
    HPDF_ReadFromStream(document_, reinterpret_cast<HPDF_BYTE*>(bytes.data()), &size);
    const HPDF_STATUS error = HPDF_GetError(document_);
    require(error == HPDF_OK && size == bytes.size(), "pdf", "libharu fails with code 0x{:04X}", error);
    return bytes;
  }

 private:
  /// Loads both fonts, unless one cannot be used.
  void embed(const std::filesystem::path& fonts) {
    HPDF_UseUTFEncodings(document_);
    const auto load = [&](const char* file) {
      return HPDF_LoadTTFontFromFile(document_, (fonts / file).c_str(), HPDF_TRUE);
    };
    const std::array<const char*, 2> names = {load(regular_file), load(bold_file)};
    embedded_ = names[0] != nullptr && names[1] != nullptr;
    if (embedded_) names_ = names;
    if (!embedded_) HPDF_ResetError(document_);
  }

  static void ignore(HPDF_STATUS /*error*/, HPDF_STATUS /*detail*/, void* /*user*/) {}

  [[nodiscard]] static float x(Spot spot) { return static_cast<float>(spot.x); }
  [[nodiscard]] float y(Spot spot) const { return height_ - static_cast<float>(spot.y); }

  [[nodiscard]] static std::array<float, 3> rgb(Ink ink, double opacity = 1.0) {
    std::array<float, 3> channels{};
    for (std::size_t i = 0; i < channels.size(); ++i) {
      const std::string_view digits = colour_of(ink).light.substr(1 + 2 * i, 2);
      int value = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
      channels[i] = static_cast<float>(1.0 - opacity * (1.0 - value / 255.0));  // over white
    }
    return channels;
  }

  void use(const Paint& paint) {
    if (paint.fill != Ink::none) {
      const auto colour = rgb(paint.fill, paint.opacity);
      HPDF_Page_SetRGBFill(page_, colour[0], colour[1], colour[2]);
    }
    if (paint.stroke == Ink::none) return;
    const auto colour = rgb(paint.stroke);
    HPDF_Page_SetRGBStroke(page_, colour[0], colour[1], colour[2]);
    HPDF_Page_SetLineWidth(page_, static_cast<float>(paint.width));
    const auto lengths = dash_lengths(paint.dash);
    HPDF_Page_SetDash(page_, lengths.data(), static_cast<HPDF_UINT>(lengths.size()), 0);
  }

  void draw(const Paint& paint) {
    const bool filled = paint.fill != Ink::none;
    if (filled && paint.stroke != Ink::none) {
      HPDF_Page_FillStroke(page_);
    } else if (filled) {
      HPDF_Page_Fill(page_);
    } else if (paint.stroke != Ink::none) {
      HPDF_Page_Stroke(page_);
    } else {
      HPDF_Page_EndPath(page_);
    }
  }

  HPDF_Doc document_;
  HPDF_Page page_ = nullptr;
  std::array<const char*, 2> names_ = {"Helvetica", "Helvetica-Bold"};
  HPDF_Font regular_ = nullptr;
  HPDF_Font bold_ = nullptr;
  bool embedded_ = false;
  float height_;
};

}  // namespace

bool has_pdf_fonts(const std::filesystem::path& fonts) {
  std::error_code none;
  return std::filesystem::is_regular_file(fonts / regular_file, none) &&
         std::filesystem::is_regular_file(fonts / bold_file, none);
}

std::unique_ptr<Canvas> pdf_canvas(PictureSize extent, const std::filesystem::path& fonts) {
  return std::make_unique<PdfCanvas>(extent, fonts);
}

}  // namespace bitstate::experiments
