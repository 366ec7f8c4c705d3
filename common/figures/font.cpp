#include "common/figures/font.h"

#include <cairo-ft.h>
#include FT_FREETYPE_H

#include "common/error.h"

// The bytes of the font file, which CMake found (LDM_FONT_FILE), copied into the program.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".globl ldm_font_begin, ldm_font_end\n"
    "ldm_font_begin:\n"
    ".incbin \"" LDM_FONT_FILE
    "\"\n"
    "ldm_font_end:\n"
    ".popsection\n");
extern "C" const FT_Byte ldm_font_begin[], ldm_font_end[];

namespace ldm::figures {
namespace {

cairo_font_face_t* load_font() {
    FT_Library library = nullptr;
    FT_Face face = nullptr;
    const auto size = static_cast<FT_Long>(ldm_font_end - ldm_font_begin);
    if (FT_Init_FreeType(&library) != 0 ||
        FT_New_Memory_Face(library, ldm_font_begin, size, 0, &face) != 0)
        throw Error("FreeType cannot read the font of the figures");
    return cairo_ft_font_face_create_for_ft_face(face, 0);
}

}  // namespace

cairo_font_face_t* font_face() {
    // for as long as the program runs: Cairo may hold on to a font in its caches until the end
    static cairo_font_face_t* const face = load_font();
    return face;
}

ScaledFont scaled_font(double size) {
    cairo_matrix_t scale, identity;
    cairo_matrix_init_scale(&scale, size, size);
    cairo_matrix_init_identity(&identity);
    const std::unique_ptr<cairo_font_options_t, decltype(&cairo_font_options_destroy)> options(
        cairo_font_options_create(), cairo_font_options_destroy);
    cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
    return {cairo_scaled_font_create(font_face(), &scale, &identity, options.get()),
            cairo_scaled_font_destroy};
}

}  // namespace ldm::figures
