#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "chapters/09_training/data/data_config.h"

namespace ldm::train {

/// How one sample of a batch is made from a picture.
struct Draw {
    /// its number in the folder
    std::int64_t picture;
    /// conditioning dropout: the caption is replaced by the empty one
    bool drop_caption;
    bool flipped;
    /// position of the crop, 0 to 1 of the range it can have
    double crop_x, crop_y;
    /// its size as a share of the largest one, where the configuration asks for that
    double crop_f = 1;
    bool operator==(const Draw&) const = default;
};

/// The numbers 0 to count - 1 in an order that depends on seed and epoch alone (Fisher and Yates).
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::int64_t epoch);

/// Which pictures are in which batch. Everything is a function of the seed and the number of the
/// step: a training that is resumed continues with the batches it would have had.
///
/// Without balance_concepts an epoch is all pictures in shuffled order; batches run on over the end
/// of an epoch. With it (class-balanced sampling) an epoch is all concepts in shuffled order and of
/// each one picture at random: a person comes in up to 26 skin tones, a pineapple once, and
/// otherwise two thirds of the training would go to people. With `samples_per_concept` above 1 so
/// many neighbours among a concept's pictures are drawn together; where it has fewer, others take
/// their place.
class BatchOrder {
public:
    /// `concept_names` says for every picture what it shows (PictureFile::concept_name). Throws
    /// ldm::Error without pictures or for a batch size below 1.
    BatchOrder(const std::vector<std::string>& concept_names, const DataConfig& config,
               int batch_size, std::uint64_t seed);

    /// The pictures of step 0, 1, ... May be called from several threads.
    std::vector<Draw> at(std::int64_t step) const;

    std::int64_t concepts() const { return static_cast<std::int64_t>(groups_.size()); }

private:
    using Order = std::shared_ptr<const std::vector<std::int64_t>>;
    std::int64_t picture_of(std::int64_t sample) const;
    Order order_of(std::int64_t epoch) const;

    std::int64_t pictures_;
    /// the pictures of every concept
    std::vector<std::vector<std::int64_t>> groups_;
    DataConfig config_;
    int batch_size_;
    std::uint64_t seed_;

    /// Guards the last order, which is kept because the next sample needs it again.
    mutable std::mutex mutex_;
    mutable std::int64_t epoch_ = -1;
    mutable Order order_;
};

}  // namespace ldm::train
