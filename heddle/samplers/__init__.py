"""From noise to a latent: noise schedules, parametrisations, step rules, guidance."""
