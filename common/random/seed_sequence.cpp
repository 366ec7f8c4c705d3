#include "common/random/seed_sequence.h"

namespace ldm::random {
namespace {

using Words = std::vector<std::uint32_t>;

constexpr int shift = 16;

std::uint32_t folded(std::uint32_t value) { return value ^ (value >> shift); }

/// Hashes words one after the other, each with another constant.
class Hash {
public:
    Hash(std::uint32_t first, std::uint32_t multiplier) : constant_(first), by_(multiplier) {}
    std::uint32_t operator()(std::uint32_t value) {
        value ^= constant_;
        constant_ *= by_;
        return folded(value * constant_);
    }

private:
    std::uint32_t constant_, by_;
};

std::uint32_t mixed(std::uint32_t x, std::uint32_t y) {
    return folded(0xca01f9ddU * x - 0x4973f715U * y);
}

/// A number as words, the lowest first; 0 is one word.
void append(Words& words, std::uint64_t number) {
    words.push_back(static_cast<std::uint32_t>(number));
    if (number >> 32) words.push_back(static_cast<std::uint32_t>(number >> 32));
}

Words entropy_words(std::uint64_t entropy, const std::vector<std::uint64_t>& spawn_key,
                    std::size_t pool_size) {
    Words words;
    append(words, entropy);
    // or a key could be taken for more entropy
    if (!spawn_key.empty() && words.size() < pool_size) words.resize(pool_size);
    for (const std::uint64_t key : spawn_key) append(words, key);
    return words;
}

}  // namespace

std::vector<std::uint32_t> seed_sequence(std::uint64_t entropy,
                                         const std::vector<std::uint64_t>& spawn_key, int pool_size,
                                         int count) {
    Words pool(pool_size);
    const Words words = entropy_words(entropy, spawn_key, pool.size());
    Hash hash(0x43b0d7e5U, 0x931e8875U);
    for (std::size_t i = 0; i < pool.size(); ++i) pool[i] = hash(i < words.size() ? words[i] : 0);
    for (std::size_t from = 0; from < pool.size(); ++from)
        for (std::size_t to = 0; to < pool.size(); ++to)
            if (from != to) pool[to] = mixed(pool[to], hash(pool[from]));
    for (std::size_t from = pool.size(); from < words.size(); ++from)
        for (std::uint32_t& to : pool) to = mixed(to, hash(words[from]));

    Words state;
    Hash out(0x8b51f9ddU, 0x58f38dedU);
    for (int i = 0; i < count; ++i) state.push_back(out(pool[i % pool.size()]));
    return state;
}

}  // namespace ldm::random
