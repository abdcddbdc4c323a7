"""The warmup-stable-decay schedule of the learning rate."""

from manymasks.config.training import Training


def learning_rate(step: int, settings: Training, peak: float) -> float:
    """Learning rate of a step, counted from 0.

    Rises linearly to the peak over the first `warmup` share of the steps, stays constant, and falls
    linearly towards 0 over the last `decay` share (Hu et al. 2024, MiniCPM).
    """
    rising = round(settings.warmup * settings.steps)
    falling = round(settings.decay * settings.steps)
    factor = 1.0
    if step < rising:
        factor = (step + 1) / rising
    elif step >= settings.steps - falling:
        factor = (settings.steps - step) / (falling + 1)
    return peak * factor
