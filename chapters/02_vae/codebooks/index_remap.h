#pragma once

#include <optional>
#include <vector>

#include "common/io/json.h"
#include "common/tensor/tensor.h"

namespace ldm::vae {

/// New numbers for the entries of a codebook of which only some are used (`remap` of the quantizers
/// in taming/modules/vqvae/quantize.py). A model that predicts indices then has fewer to choose
/// from: entry used[i] becomes i. An entry that is not among them becomes whatever
/// `unknown_index` says.
class IndexRemap {
public:
    struct Config {
        /// the entries that are used, each once. Upstream reads them from an .npy file, or from the
        /// buffer `used` of a checkpoint
        std::vector<std::int32_t> used;
        enum class Unknown {
            /// one of the used entries, drawn by lot
            random,
            /// one more index, behind the used ones
            extra,
            /// `index`
            fixed
        };
        Unknown unknown = Unknown::random;
        std::int32_t index = 0;

        /// The keys `used`, a list, and `unknown_index`: "random" (the default), "extra" or a
        /// number.
        static Config from_json(const io::Json& json);
    };

    /// Throws an Error for no entries, for one that is not in a codebook of `entries`, and for one
    /// that is there twice.
    IndexRemap(const Config& config, int entries);

    /// How many new numbers there are (upstream's re_embed).
    int count() const { return used_count() + (unknown_ == Config::Unknown::extra ? 1 : 0); }

    const Tensor& used() const { return used_; }

    /// Indices of the codebook -> new ones, of any shape. With "random", `lots` has an integer
    /// below count() for each unknown index, in their order; there may be more.
    [[nodiscard]] Tensor to_used(const Tensor& indices, const Tensor& lots = {}) const;

    /// New indices -> those of the codebook. The one behind the used ones, which stands for an
    /// unknown entry, becomes the first of them.
    [[nodiscard]] Tensor to_all(const Tensor& indices) const;

private:
    int used_count() const { return static_cast<int>(used_.size()); }
    std::int32_t number_for_unknown(const Tensor& lots, std::int64_t which) const;

    Config::Unknown unknown_;
    std::int32_t index_;
    // [R], and the new number of each entry, -1 for none
    Tensor used_;
    std::vector<std::int32_t> new_number_;
};

/// The settings `remap` (a list) and `unknown_index` beside each other, as the quantizers have
/// them; nothing without `remap`.
std::optional<IndexRemap::Config> remap_in(const io::Json& json);

}  // namespace ldm::vae
