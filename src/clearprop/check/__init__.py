"""Is a derivative right? Numerical derivatives, and reports that name what is wrong."""

from typing import TYPE_CHECKING, Any

from clearprop.check.functions import check as check
from clearprop.check.numerical import numerical_gradient as numerical_gradient
from clearprop.check.report import Finding as Finding
from clearprop.check.report import Report as Report

if TYPE_CHECKING:
    from clearprop.check.primitives import check_primitive as check_primitive


def __getattr__(name: str) -> Any:
    if name == "check_primitive":  # only those who write primitives need it
        from clearprop.check.primitives import check_primitive

        return check_primitive
    raise AttributeError(f"module 'clearprop.check' has no attribute {name!r}")
