#include "chapters/09_training/lora/lora_parts.h"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace ldm::train {
namespace {

/// How a part is spelled at the end of a name, and what of the ending belongs to the layer's name.
struct Ending {
    std::string_view text, part, layer = "";
};

constexpr std::array endings = {
    // kohya, LyCORIS
    Ending{".lora_down.weight", "lora_down"},
    Ending{".lora_mid.weight", "lora_mid"},
    Ending{".lora_up.weight", "lora_up"},
    Ending{".hada_w1_a", "hada_w1_a"},
    Ending{".hada_w1_b", "hada_w1_b"},
    Ending{".hada_w2_a", "hada_w2_a"},
    Ending{".hada_w2_b", "hada_w2_b"},
    Ending{".hada_t1", "hada_t1"},
    Ending{".hada_t2", "hada_t2"},
    Ending{".lokr_w1", "lokr_w1"},
    Ending{".lokr_w1_a", "lokr_w1_a"},
    Ending{".lokr_w1_b", "lokr_w1_b"},
    Ending{".lokr_w2", "lokr_w2"},
    Ending{".lokr_w2_a", "lokr_w2_a"},
    Ending{".lokr_w2_b", "lokr_w2_b"},
    Ending{".lokr_t2", "lokr_t2"},
    Ending{".dora_scale", "dora_scale"},
    Ending{".diff", "diff"},
    Ending{".diff_b", "diff_b"},
    Ending{".w_norm", "diff"},
    Ending{".b_norm", "diff_b"},
    Ending{".alpha", "alpha"},
    // diffusers, PEFT
    Ending{".lora_A.weight", "lora_down"},
    Ending{".lora_B.weight", "lora_up"},
    Ending{".lora_magnitude_vector", "lora_magnitude_vector"},
    Ending{".lora_magnitude_vector.weight", "lora_magnitude_vector"},
    // diffusers before PEFT
    Ending{".lora.down.weight", "lora_down"},
    Ending{".lora.up.weight", "lora_up"},
    // its text tower
    Ending{".lora_linear_layer.down.weight", "lora_down"},
    Ending{".lora_linear_layer.up.weight", "lora_up"},
    // diffusers' first format
    Ending{".to_q_lora.down.weight", "lora_down", ".to_q"},
    Ending{".to_q_lora.up.weight", "lora_up", ".to_q"},
    Ending{".to_k_lora.down.weight", "lora_down", ".to_k"},
    Ending{".to_k_lora.up.weight", "lora_up", ".to_k"},
    Ending{".to_v_lora.down.weight", "lora_down", ".to_v"},
    Ending{".to_v_lora.up.weight", "lora_up", ".to_v"},
    Ending{".to_out_lora.down.weight", "lora_down", ".to_out.0"},
    Ending{".to_out_lora.up.weight", "lora_up", ".to_out.0"},
};

/// The parts of one layer, handed out one by one: what is left over belongs to no family.
class Parts {
public:
    explicit Parts(std::map<std::string, Tensor> parts) : parts_(std::move(parts)) {
        for (const auto& [name, x] : parts_)
            if (x.size() == 0)
                throw Error(fmt::format("has a {} of {}", name, to_string(x.shape())));
    }

    bool has(const std::string& name) const { return parts_.contains(name); }

    Tensor take(const std::string& name) {
        if (!has(name)) throw Error(fmt::format("lacks its {}", name));
        return std::move(parts_.extract(name).mapped());
    }

    Tensor take_if_there(const std::string& name) { return has(name) ? take(name) : Tensor(); }

    /// What alpha is, `rank` if nothing is said.
    float take_alpha(std::int64_t rank) {
        const Tensor alpha = take_if_there("alpha");
        if (alpha && alpha.size() != 1) throw Error("has an alpha of " + to_string(alpha.shape()));
        return alpha ? alpha.item() : static_cast<float>(rank);
    }

    void expect_empty() const {
        if (!parts_.empty())
            throw Error(
                fmt::format("has a {} that belongs to no other part of it", parts_.begin()->first));
    }

private:
    std::map<std::string, Tensor> parts_;
};

/// The tensor, if it has two axes or more, so that there is a rank.
Tensor with_rank(const std::string& name, Tensor x) {
    if (x.rank() < 2) throw Error(fmt::format("has a {} of {}", name, to_string(x.shape())));
    return x;
}

LowRankProduct take_product(Parts& parts, const std::string& prefix, const std::string& core) {
    return {parts.take(prefix + "_a"), with_rank(prefix + "_b", parts.take(prefix + "_b")),
            parts.take_if_there(core)};
}

Lokr::Factor take_factor(Parts& parts, const std::string& name, const std::string& core) {
    if (parts.has(name)) return parts.take(name);
    return take_product(parts, name, core);
}

std::variant<LoraLayer, TuckerLora, Loha, Lokr, FullDifference> take_family(Parts& parts) {
    if (parts.has("lora_down") || parts.has("lora_up")) {
        const Tensor down = with_rank("lora_down", parts.take("lora_down")),
                     up = with_rank("lora_up", parts.take("lora_up"));
        const float alpha = parts.take_alpha(down.dim(0));
        if (parts.has("lora_mid")) return TuckerLora{down, parts.take("lora_mid"), up, alpha};
        return LoraLayer{down, up, alpha};
    }
    if (parts.has("hada_w1_a") || parts.has("hada_w1_b")) {
        const LowRankProduct first = take_product(parts, "hada_w1", "hada_t1"),
                             second = take_product(parts, "hada_w2", "hada_t2");
        return Loha{first, second, parts.take_alpha(first.rank())};
    }
    if (parts.has("lokr_w1") || parts.has("lokr_w1_a")) {
        Lokr lokr{take_factor(parts, "lokr_w1", ""), take_factor(parts, "lokr_w2", "lokr_t2")};
        lokr.alpha = parts.take_alpha(lokr.rank());
        return lokr;
    }
    if (parts.has("diff")) {
        // no alpha scales it, though some files have one
        (void)parts.take_alpha(1);
        return FullDifference{parts.take("diff")};
    }
    throw Error("has no product, only other parts");
}

}  // namespace

std::optional<LoraKey> parse_key(std::string name) {
    if (const auto at = name.find(".processor."); at != std::string::npos)
        name.erase(at, std::string_view(".processor").size());
    for (const Ending& ending : endings)
        if (name.ends_with(ending.text))
            return LoraKey{
                name.substr(0, name.size() - ending.text.size()) + std::string(ending.layer),
                std::string(ending.part)};
    return std::nullopt;
}

std::string_view unsupported_kind(std::string_view name) {
    struct Kind {
        std::string_view part, kind;
    };
    static constexpr std::array kinds = {
        Kind{".oft_", "an OFT or BOFT"},
        Kind{".boft_", "a BOFT"},
        Kind{".on_input", "an IA3"},
        Kind{".ia3_", "an IA3"},
        Kind{".a1.weight", "a GLoRA"},
        Kind{".a2.weight", "a GLoRA"},
        Kind{".b1.weight", "a GLoRA"},
        Kind{".b2.weight", "a GLoRA"},
        Kind{".vera_lambda_", "a VeRA"},
        Kind{".hra_", "an HRA"},
        Kind{".lora_B.bias", "a LoRA with biases"},
        Kind{".lora_embedding_", "a LoRA of an embedding table"},
    };
    for (const Kind& kind : kinds)
        if (name.find(kind.part) != std::string_view::npos) return kind.kind;
    return {};
}

WeightChange weight_change(std::map<std::string, Tensor> tensors) {
    Parts parts(std::move(tensors));
    WeightChange change{take_family(parts)};
    if (parts.has("dora_scale"))
        change.dora_magnitude = parts.take("dora_scale");
    else if (parts.has("lora_magnitude_vector"))
        // PEFT's is [1, out, 1, 1] of a convolution, and always one length for each output
        change.dora_magnitude = parts.take("lora_magnitude_vector").reshape({-1});
    if (change.dora_magnitude && std::holds_alternative<FullDifference>(change.family))
        throw Error("has a full difference and a DoRA's magnitude");
    parts.expect_empty();
    return change;
}

}  // namespace ldm::train
