"""The functions of the native library, as `kernels/api.cpp` declares them."""

import ctypes
import functools
from collections.abc import Callable
from ctypes import POINTER, c_double, c_int, c_int64, c_long, c_void_p

import torch

from manymasks.native import build

Pointers = c_void_p
"""An array of pointers to the weights, or to their gradients."""


class Shape(ctypes.Structure):
    """`Shape` of model.h."""

    _fields_ = tuple(
        (name, c_int)
        for name in (
            "width", "heads", "layers", "hidden", "vocabulary", "context", "is_gelu", "is_learned",
            "is_bf16",
        )
    )  # fmt: skip


class NativeRoute(ctypes.Structure):
    """`Route` of model.h."""

    _fields_ = (("flow", c_int), ("past", c_int), ("gamma", c_double))


class Batch(ctypes.Structure):
    """`Batch` of api.cpp: windows of `length` tokens, `apart` tokens from one to the next."""

    _fields_ = (
        ("tokens", c_void_p),
        ("windows", c_int64),
        ("length", c_int64),
        ("apart", c_int64),
    )


class Parameter(ctypes.Structure):
    """`Parameter` of update.h."""

    _fields_ = (
        ("weight", c_void_p),
        ("grad", c_void_p),
        ("first", c_void_p),
        ("second", c_void_p),
        ("rows", c_int64),
        ("columns", c_int64),
        ("rule", c_int64),
    )


class Hyperparameters(ctypes.Structure):
    """`Hyperparameters` of update.h."""

    _fields_ = (
        *(
            (name, c_double)
            for name in ("rate", "clip", "weight_decay", "beta1", "beta2", "momentum")
        ),
        ("step", c_int64),
    )


PRODUCT = (
    c_int, c_int, c_int, c_void_p, c_long, c_long, c_void_p, c_long, c_void_p, c_long, c_int,
)  # fmt: skip
SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "lanes": (c_int, ()),
    "has_bf16": (c_int, ()),
    "member": (c_void_p, (POINTER(Shape), c_void_p)),
    "free": (None, (c_void_p,)),
    "gradients": (
        c_double,
        (c_void_p, Pointers, Pointers, POINTER(NativeRoute), POINTER(Batch), c_void_p),
    ),
    "forward": (
        None,
        (
            c_void_p, Pointers, POINTER(NativeRoute), POINTER(Batch), c_void_p, c_int64, c_void_p,
            c_void_p, c_void_p,
        ),
    ),
    "scores": (
        c_double,
        (
            c_void_p, Pointers, POINTER(NativeRoute), POINTER(Batch), c_void_p, c_void_p, c_void_p,
        ),
    ),
    "update": (c_double, (POINTER(Parameter), c_int, POINTER(Hyperparameters), c_void_p)),
    "product": (None, PRODUCT),
    "product_of_rounded": (None, PRODUCT),
    "transpose": (None, (c_void_p, c_long, c_int, c_int, c_void_p, c_long)),
    "exponential": (None, (c_void_p, c_long)),
    "activate": (None, (c_int, c_void_p, c_void_p, c_long)),
    "orthogonalise": (None, (c_void_p, c_int, c_int, c_void_p)),
}  # fmt: skip
"""Result and arguments of each function, whose names begin with `manymasks_`."""


class Library:
    """The functions of one build, by name without their prefix."""

    def __init__(self, path: str) -> None:
        functions = ctypes.CDLL(path)
        self._functions: dict[str, Callable[..., float]] = {}
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(functions, f"manymasks_{name}")
            function.restype, function.argtypes = result, arguments
            self._functions[name] = function

    def __getattr__(self, name: str) -> Callable[..., float]:
        return self._functions[name]


@functools.cache
def open_library(dtype: torch.dtype) -> Library:
    """The library that computes in float32, or in float64 as a reference; built at first use."""
    flags = build.DOUBLE if dtype == torch.float64 else ()
    return Library(str(build.library(lambda text: print(text, flush=True), flags)))
