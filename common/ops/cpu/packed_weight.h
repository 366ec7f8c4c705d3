#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>

#include "common/ops/precision.h"
#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

class WinogradKernels;

/// The rows of a weight [rows, ...] as float32, for who packs it.
class WeightRows {
public:
    explicit WeightRows(const Tensor& stored);

    std::int64_t rows() const { return rows_; }
    std::int64_t length() const { return length_; }

    /// How many numbers of scratch memory read() takes for so many rows; 0 where it needs none.
    std::int64_t scratch(std::int64_t count) const;

    /// `count` rows from `first` on: where they lie, or expanded into `scratch`.
    const float* read(std::int64_t first, std::int64_t count, float* scratch) const;

private:
    const Tensor& stored_;
    std::int64_t rows_, length_;
};

/// A matrix [rows, depth], packed as one factor of a product: panels of some rows, in each the
/// numbers of one k side by side (cpu/packed_gemm.h), rounded in pairs where the precision says so.
class PackedPanels {
public:
    /// For the left factor: panels of tile_rows, row_panel apart.
    static PackedPanels left(const WeightRows& weight, Precision precision);

    /// For the right factor, as the transposed matrix: panels of tile_columns.
    static PackedPanels right(const WeightRows& weight, Precision precision);

    /// Where the numbers from k on begin in a panel; k is even.
    const float* at(std::int64_t panel, std::int64_t k) const {
        return static_cast<const float*>(memory_.get()) + panel * panel_size_ + k / pair_ * width_;
    }

    /// Of the matrix that was packed.
    std::int64_t rows() const { return rows_; }
    std::int64_t depth() const { return depth_; }
    Precision precision() const { return precision_; }

private:
    template <int lanes, int width>
    static PackedPanels pack(const WeightRows& weight, Precision precision);

    std::int64_t rows_, depth_, width_, panel_size_;
    // how many k are in one word
    std::int64_t pair_;
    Precision precision_;
    std::shared_ptr<void> memory_;
};

/// A weight and what was made of it, each at its first use. Safe to use from several threads.
class PackedWeight {
public:
    /// See ops::FrozenWeight::from().
    PackedWeight(Tensor stored, std::function<void()> unused);
    ~PackedWeight();

    const Tensor& stored() const { return stored_; }

    /// A weight [O, ...] as the left factor, as conv2d has it.
    const PackedPanels& left(Precision precision) const;

    /// A weight [out, in] as the right factor, transposed, as linear has it.
    const PackedPanels& right(Precision precision) const;

    /// A weight [O, C, 3, 3] for conv2d_winograd().
    const WinogradKernels& winograd(Precision precision) const;

private:
    template <class Form>
    using ByPrecision = std::array<std::unique_ptr<const Form>, 2>;
    template <class Form>
    const Form& made(ByPrecision<Form>& forms, Precision precision,
                     const std::function<Form()>& make) const;

    Tensor stored_;
    std::function<void()> unused_;
    mutable std::mutex mutex_;
    mutable ByPrecision<PackedPanels> left_, right_;
    mutable ByPrecision<WinogradKernels> winograd_;
};

}  // namespace ldm::ops::cpu
