"""Made-up tables of the stage `text_spectrum`."""

from typing import Any

Rows = list[dict[str, Any]]
SLOWEST = {"member": 0.8, "exchanged": 0.6, "independent": 0.5, "untrained": 0.95}


def text_spectrum(models: Rows) -> dict[str, Rows]:
    """Tables of the stage."""
    rows: Rows = []
    for model in models:
        for predictor, slowest in SLOWEST.items():
            for number in (1, 2, 3):
                is_real = number == 1
                tokens = "'x' other" if is_real and predictor == "member" else None
                re = slowest / number + 0.001 * (model["seed_init"] % 7)
                rows.append(
                    {
                        "predictor": predictor,
                        "model": model["model"],
                        "number": number,
                        "re": re,
                        "im": 0.0 if is_real else 0.1 * (-1) ** number,
                        "re_error": 0.02,
                        "held_out": slowest - 0.05 if is_real else None,
                        "memory": 4.0,
                        "singular_value": 1 / number,
                        "tokens_high": tokens,
                        "tokens_low": tokens,
                    }
                )
    return {"text_spectrum": rows}
