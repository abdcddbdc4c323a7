"""Whether a predictor that chooses what comes next makes it easier to predict, on `steer`."""
