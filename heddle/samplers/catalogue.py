"""Every sampler and scheduler by the name that workflows use, in the order in which menus show them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from heddle.samplers.sampler import Sampler
from heddle.samplers.schedules import (
    Scheduler,
    beta,
    ddim_uniform,
    exponential,
    karras,
    kl_optimal,
    linear_quadratic,
    normal,
    sgm_uniform,
    simple,
)
from heddle.samplers.steps.adams import deis, ipndm, ipndm_v, lms
from heddle.samplers.steps.cfg_pp import (
    dpmpp_2m_cfg_pp,
    dpmpp_2s_ancestral_cfg_pp,
    euler_ancestral_cfg_pp,
    euler_cfg_pp,
)
from heddle.samplers.steps.dpm2 import dpm_2, dpm_2_ancestral
from heddle.samplers.steps.dpm_solver import dpm_adaptive, dpm_fast
from heddle.samplers.steps.dpmpp import dpmpp_2m, dpmpp_2s_ancestral
from heddle.samplers.steps.dpmpp_sde import dpmpp_2m_sde, dpmpp_3m_sde, dpmpp_sde
from heddle.samplers.steps.er_sde import er_sde
from heddle.samplers.steps.euler import ddim, ddpm, euler, euler_ancestral
from heddle.samplers.steps.gradient_estimation import gradient_estimation, gradient_estimation_cfg_pp
from heddle.samplers.steps.heun import heun, heunpp2
from heddle.samplers.steps.lcm import lcm
from heddle.samplers.steps.res_multistep import (
    res_multistep,
    res_multistep_ancestral,
    res_multistep_ancestral_cfg_pp,
    res_multistep_cfg_pp,
)
from heddle.samplers.steps.sa_solver import sa_solver, sa_solver_pece
from heddle.samplers.steps.seeds import exp_heun_2_x0, exp_heun_2_x0_sde, seeds_2, seeds_3
from heddle.samplers.steps.uni_pc import uni_pc, uni_pc_bh2

_dpmpp_2m_sde_heun = dpmpp_2m_sde.with_options("dpmpp_2m_sde_heun", solver_type="heun")

# The names with _gpu say where noise is drawn; here it always is on the CPU, so that a seed means one picture.
SAMPLERS: Mapping[str, Sampler] = MappingProxyType(
    {
        one.name: one
        for one in (
            euler,
            euler_cfg_pp,
            euler_ancestral,
            euler_ancestral_cfg_pp,
            heun,
            heunpp2,
            exp_heun_2_x0,
            exp_heun_2_x0_sde,
            dpm_2,
            dpm_2_ancestral,
            lms,
            dpm_fast,
            dpm_adaptive,
            dpmpp_2s_ancestral,
            dpmpp_2s_ancestral_cfg_pp,
            dpmpp_sde,
            dpmpp_sde.with_options("dpmpp_sde_gpu"),
            dpmpp_2m,
            dpmpp_2m_cfg_pp,
            dpmpp_2m_sde,
            dpmpp_2m_sde.with_options("dpmpp_2m_sde_gpu"),
            _dpmpp_2m_sde_heun,
            _dpmpp_2m_sde_heun.with_options("dpmpp_2m_sde_heun_gpu"),
            dpmpp_3m_sde,
            dpmpp_3m_sde.with_options("dpmpp_3m_sde_gpu"),
            ddpm,
            lcm,
            ipndm,
            ipndm_v,
            deis,
            res_multistep,
            res_multistep_cfg_pp,
            res_multistep_ancestral,
            res_multistep_ancestral_cfg_pp,
            gradient_estimation,
            gradient_estimation_cfg_pp,
            er_sde,
            seeds_2,
            seeds_3,
            sa_solver,
            sa_solver_pece,
            ddim,
            uni_pc,
            uni_pc_bh2,
        )
    }
)

SCHEDULERS: Mapping[str, Scheduler] = MappingProxyType(
    {
        "simple": simple,
        "sgm_uniform": sgm_uniform,
        "karras": karras,
        "exponential": exponential,
        "ddim_uniform": ddim_uniform,
        "beta": beta,
        "normal": normal,
        "linear_quadratic": linear_quadratic,
        "kl_optimal": kl_optimal,
    }
)
