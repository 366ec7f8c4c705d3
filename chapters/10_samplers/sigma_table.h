#pragma once

#include <vector>

#include "chapters/01_ddpm/schedule.h"

namespace ldm::samplers {

/// The noise level sigma = sqrt((1 - ac) / ac) at every time step of a schedule and between them,
/// and back: which time step a noise level belongs to.
class SigmaTable {
public:
    /// What is taken for a straight line between two time steps.
    enum class Between {
        /// log sigma (k-diffusion, external.py, DiscreteSchedule); clamped at both ends
        log_sigma,
        /// log sqrt(ac) (DPM-Solver, dpm_solver.py, NoiseScheduleVP); goes on beyond both ends
        log_alpha
    };
    explicit SigmaTable(const ddpm::Schedule& schedule, Between between = Between::log_sigma);

    /// The noise level at a time from 0 to T - 1, also between two steps.
    double sigma(double time) const;

    /// The same, linear in sigma itself: diffusers' np.interp.
    double sigma_linear(double time) const;

    /// The time of a noise level.
    double time(double sigma) const;

    /// The time that the network is given for a noise level: CompVis's DPM-Solver counts from 0 to
    /// 1000 however many time steps there are.
    double network_time(double sigma) const;

    int timesteps() const { return static_cast<int>(values_.size()); }
    double smallest() const { return sigma(0); }
    double largest() const { return sigma(timesteps() - 1); }

private:
    double to_value(double sigma) const;
    double to_sigma(double value) const;
    double at(int t) const { return sigmas_[t]; }
    double kept_inside(double time) const;
    bool is_step(double time) const;

    Between between_;
    /// the noise levels, rising, in float32 as upstream has them; and log sigma, or -log alpha.
    /// Which whole step a time between two of them is cut to can hang on the last digit.
    std::vector<double> sigmas_, values_;
};

}  // namespace ldm::samplers
