#include <cairo-svg.h>

#include <cmath>

#include "common/figures/recording.h"
#include "common/io/atomic_file.h"

namespace ldm::figures {
namespace {

cairo_status_t append(void* target, const unsigned char* bytes, unsigned int count) {
    static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(bytes), count);
    return CAIRO_STATUS_SUCCESS;
}

std::string escape_xml(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '&')
            escaped += "&amp;";
        else if (c == '<')
            escaped += "&lt;";
        else if (c == '>')
            escaped += "&gt;";
        else
            escaped += c;
    }
    return escaped;
}

/// Bitmap paper for a canvas.
SurfacePointer bitmap(const Canvas& canvas) {
    return own(cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                          static_cast<int>(std::ceil(canvas.width())),
                                          static_cast<int>(std::ceil(canvas.height()))));
}

}  // namespace

void Canvas::replay(cairo_surface_t* paper) const {
    expect_success(cairo_status(recording_->cairo()));
    expect_success(cairo_surface_status(paper));
    const ContextPointer context(cairo_create(paper), cairo_destroy);
    cairo_set_source_rgb(context.get(), 1, 1, 1);
    cairo_paint(context.get());
    cairo_set_source_surface(context.get(), recording_->surface.get(), 0, 0);
    cairo_paint(context.get());
    expect_success(cairo_status(context.get()));
}

image::Image Canvas::pixels() const {
    const SurfacePointer paper = bitmap(*this);
    replay(paper.get());
    cairo_surface_flush(paper.get());
    image::Image image(cairo_image_surface_get_width(paper.get()),
                       cairo_image_surface_get_height(paper.get()));
    const unsigned char* rows = cairo_image_surface_get_data(paper.get());
    const std::ptrdiff_t stride = cairo_image_surface_get_stride(paper.get());
    for (int y = 0; y < image.height; ++y) {
        const auto* row = reinterpret_cast<const std::uint32_t*>(rows + y * stride);
        for (int x = 0; x < image.width; ++x)
            image.set(x, y,
                      {static_cast<std::uint8_t>(row[x] >> 16),
                       static_cast<std::uint8_t>(row[x] >> 8), static_cast<std::uint8_t>(row[x])});
    }
    return image;
}

std::string Canvas::png() const {
    const SurfacePointer paper = bitmap(*this);
    replay(paper.get());
    std::string file;
    expect_success(cairo_surface_write_to_png_stream(paper.get(), append, &file));
    return file;
}

std::string Canvas::svg() const {
    std::string file;
    const SurfacePointer paper =
        own(cairo_svg_surface_create_for_stream(append, &file, width_, height_));
    cairo_svg_surface_set_document_unit(paper.get(), CAIRO_SVG_UNIT_PX);
    replay(paper.get());
    cairo_surface_finish(paper.get());
    expect_success(cairo_surface_status(paper.get()));
    // Cairo writes no title of its own: it stands behind the first tag.
    const std::size_t root = file.find('>', file.find("<svg"));
    if (!title_.empty()) file.insert(root + 1, "\n<title>" + escape_xml(title_) + "</title>");
    return file;
}

void Canvas::save(const std::filesystem::path& path) const {
    const std::string extension = path.extension().string();
    if (extension != ".png" && extension != ".svg")
        throw Error(fmt::format("{}: a figure is written as .png or .svg", path.string()));
    io::write_text_file(path, extension == ".svg" ? svg() : png());
}

}  // namespace ldm::figures
