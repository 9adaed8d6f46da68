"""Straight-line code as vector instructions.

A stage (:class:`socbayes.core.scalar_graph.Stage`) becomes LLVM instructions
on vectors, one lane per site, in one pass over its rows. Next to printing it
as Python for numba to type and lower, this compiles many times faster; next
to hoping that a loop over sites is vectorised, it always is.

Exponentials and logarithms are polynomials, so they are vectors too. They are
within two units in the last place of the C library's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from socbayes.core.scalar_graph import Stage

# Division by zero must give inf or NaN, as in NumPy: a failed step is a value,
# not an exception. Contraction to fused multiply-add is the only liberty.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
# Functions called by compiled ones alone need no entrance from Python, which takes a fifth of the compile time.
INNER: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_FAST = ("contract",)
_DOUBLE, _INT = ir.DoubleType(), ir.IntType(64)
_PREFETCH = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), *[ir.IntType(32)] * 3])
CACHE_LINE = 64  # bytes

_ARITHMETIC = {"Add": "fadd", "Sub": "fsub", "Mul": "fmul", "TrueDiv": "fdiv"}
_COMPARE = {"LT": "<", "GT": ">", "LE": "<=", "GE": ">=", "EQ": "==", "NEQ": "!="}
_LIBRARY = {"Log1p": "log1p", "Log10": "log10", "Expm1": "expm1", "Sin": "sin", "Cos": "cos"}
_LIBRARY |= {"Tanh": "tanh", "ArcTan": "atan"}

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# Coefficients of (log(1 + f) - ...) in s = f / (2 + f): Sun Microsystems' fdlibm, e_log.c.
_LOG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)


def compiled(
    stages: Sequence[tuple[Stage, Mapping[str, int]]], lanes: int, elsewhere: str | None = None
) -> Callable[..., None]:
    """Compile stages, one after the other, to a function of the flat memory.

    Parameters
    ----------
    stages
        What to compute, and where each group begins in the memory.
    lanes
        Sites worked on at once; number ``i`` of a group lies at ``place +
        i * lanes``, the sites side by side.
    elsewhere
        Group that is read from and written to another array than the memory; the group ``"new"`` is then read from
        where it is written.

    Returns
    -------
    Callable
        ``function(m)`` on a contiguous array of float64, callable from numba;
        with ``elsewhere`` it is ``function(m, path, at, to)``, and that group
        is read from ``path[at:]`` and written to ``path[to:]``.
    """

    def write(builder: Any, memory: Any, reads: Any = None, writes: Any = None) -> None:
        for stage, place in stages:
            own = {elsewhere: (reads, writes), "new": (writes, writes)} if elsewhere else {}
            _Writer(builder, memory, place, lanes, own).write(stage)

    def data(context: Any, builder: Any, signature: Any, arguments: Any, array: int) -> Any:
        return context.make_array(signature.args[array])(context, builder, arguments[array]).data

    @intrinsic
    def run(typing_context: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            write(builder, data(context, builder, signature, arguments, 0))
            return context.get_dummy_value()

        return types.void(m), generate

    @intrinsic
    def run_along(typing_context: Any, m: Any, path: Any, at: Any, to: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            memory, rows = (data(context, builder, signature, arguments, array) for array in (0, 1))
            write(builder, memory, *(builder.gep(rows, [where]) for where in arguments[2:]))
            return context.get_dummy_value()

        return types.void(m, path, types.int64, types.int64), generate

    # Not inlined: the loops over time call it from several places.
    if elsewhere:

        @numba.njit(**INNER)
        def along(m, path, at, to):
            run_along(m, path, at, to)  # type: ignore[call-arg]

        return along

    @numba.njit(**INNER)
    def function(m):
        run(m)  # type: ignore[call-arg]

    return function


def interleaved(n: int, lanes: int) -> Callable[..., None]:
    """Function that lays numbers stored site by site side by side.

    Returns ``copy(m, to, source, start, ahead)``: number ``i`` of lane ``k``,
    which lies ``start`` bytes and ``k * n + i`` numbers into the memory of
    ``source``, goes to ``m[to + i * lanes + k]``. What lies ``ahead`` bytes
    further is asked for, so that it has arrived when it is needed: rows are
    too far apart for the processor to guess.
    """
    double, wide = ir.VectorType(_DOUBLE, lanes), ir.VectorType(_DOUBLE, n * lanes)
    position, byte = ir.VectorType(ir.IntType(32), lanes), ir.IntType(8)

    @intrinsic
    def copy(typing_context: Any, m: Any, to: Any, source: Any, start: Any, ahead: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def memory(array: int) -> Any:
                return context.make_array(signature.args[array])(context, builder, arguments[array]).data

            if n:
                begin = builder.gep(builder.bitcast(memory(2), byte.as_pointer()), [arguments[3]])
                soon = builder.gep(begin, [arguments[4]])
                fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte.as_pointer()], _PREFETCH)
                for line in range(0, n * lanes * 8, CACHE_LINE):
                    at = builder.gep(soon, [ir.Constant(_INT, line)])
                    builder.call(fetch, [at, *(ir.Constant(ir.IntType(32), flag) for flag in (0, 3, 1))])
                numbers = builder.load(builder.bitcast(begin, wide.as_pointer()), align=8)
                target = builder.bitcast(builder.gep(memory(0), [arguments[1]]), double.as_pointer())
                for i in range(n):
                    mask = ir.Constant(position, [ir.Constant(ir.IntType(32), k * n + i) for k in range(lanes)])
                    one = builder.shuffle_vector(numbers, ir.Constant(wide, ir.Undefined), mask)
                    builder.store(one, builder.gep(target, [ir.Constant(_INT, i)]), align=8)
            return context.get_dummy_value()

        return types.void(m, types.int64, source, types.int64, types.int64), generate

    return copy


class _Writer:
    """Writes vector instructions into a function under construction."""

    def __init__(
        self, builder: Any, memory: Any, place: Mapping[str, int], lanes: int, elsewhere: Mapping[str, Any]
    ) -> None:
        self.builder, self.memory, self.place, self.lanes = builder, memory, place, lanes
        self.elsewhere = elsewhere
        self.double = ir.VectorType(_DOUBLE, lanes)
        self.integer = ir.VectorType(_INT, lanes)

    def write(self, stage: Stage) -> None:
        values: list[Any] = []
        for kind, *args in stage.rows:
            if kind == "const":
                values.append(self.number(args[0]))
            elif kind == "input":
                group, index = args
                values.append(self.builder.load(self.address(group, index, 0), align=8))
            else:
                values.append(self.operation(kind, [values[a] for a in args]))
        for group, index, add, row in stage.outputs:
            to = self.address(group, index, 1)
            value = self._numeric(values[row])
            if add:
                value = self.add(self.builder.load(to, align=8), value)
            self.builder.store(value, to, align=8)

    def address(self, group: str, index: int, use: int) -> Any:
        """Where a number is read (``use`` 0) or written (1)."""
        if group in self.elsewhere:
            begin, offset = self.elsewhere[group][use], index * self.lanes
        else:
            begin, offset = self.memory, self.place[group] + index * self.lanes
        return self.builder.bitcast(self.builder.gep(begin, [ir.Constant(_INT, int(offset))]), self.double.as_pointer())

    def number(self, value: float) -> Any:
        return ir.Constant(self.double, [ir.Constant(_DOUBLE, float(value))] * self.lanes)

    def whole(self, value: int) -> Any:
        return ir.Constant(self.integer, [ir.Constant(_INT, value)] * self.lanes)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_FAST)

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FAST)

    def less(self, a: Any, b: Any) -> Any:
        return self.builder.fcmp_ordered("<", a, b)

    def is_nan(self, a: Any) -> Any:
        return self.builder.fcmp_unordered("uno", a, a)

    def call(self, name: str, *args: Any) -> Any:
        """Vector intrinsic of LLVM."""
        return self.builder.call(self.declared(f"{name}.v{self.lanes}f64", self.double), args)

    def declared(self, name: str, kind: Any) -> Any:
        """Function of one number or vector, from outside."""
        module = self.builder.module
        return module.globals.get(name) or ir.Function(module, ir.FunctionType(kind, [kind]), name)

    def library(self, name: str, argument: Any) -> Any:
        """Function of the C library, lane by lane."""
        function = self.declared(name, _DOUBLE)
        result = ir.Constant(self.double, ir.Undefined)
        for lane in range(self.lanes):
            at = ir.Constant(ir.IntType(32), lane)
            value = self.builder.call(function, [self.builder.extract_element(argument, at)])
            result = self.builder.insert_element(result, value, at)
        return result

    def operation(self, kind: str, args: Sequence[Any]) -> Any:
        builder = self.builder
        if kind not in ("Switch", "AND", "OR", "Invert"):
            args = [self._numeric(a) for a in args]
        if kind in _ARITHMETIC:
            return getattr(builder, _ARITHMETIC[kind])(*args, flags=_FAST)
        if kind in _COMPARE:
            compare = builder.fcmp_unordered if kind == "NEQ" else builder.fcmp_ordered
            return compare(_COMPARE[kind], *args)
        if kind in _LIBRARY:
            return self.library(_LIBRARY[kind], *args)
        return getattr(self, f"_{kind.lower()}")(*args)

    def _neg(self, a: Any) -> Any:
        return self.builder.fneg(a)

    def _reciprocal(self, a: Any) -> Any:
        return self.builder.fdiv(self.number(1.0), a, flags=_FAST)

    def _truth(self, a: Any) -> Any:
        if a.type == self.double:
            return self.builder.fcmp_unordered("!=", a, self.number(0.0))
        return a

    def _switch(self, condition: Any, a: Any, b: Any) -> Any:
        return self.builder.select(self._truth(condition), self._numeric(a), self._numeric(b))

    def _numeric(self, a: Any) -> Any:
        """A comparison used as a number is 0 or 1."""
        return a if a.type == self.double else self.builder.uitofp(a, self.double)

    def _and(self, a: Any, b: Any) -> Any:
        return self.builder.and_(self._truth(a), self._truth(b))

    def _or(self, a: Any, b: Any) -> Any:
        return self.builder.or_(self._truth(a), self._truth(b))

    def _invert(self, a: Any) -> Any:
        return self.builder.not_(self._truth(a))

    def _minimum(self, a: Any, b: Any) -> Any:
        # NaN must survive, as in np.minimum.
        return self.builder.select(self.builder.or_(self.less(a, b), self.is_nan(a)), a, b)

    def _maximum(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.or_(self.less(b, a), self.is_nan(a)), a, b)

    def _abs(self, a: Any) -> Any:
        return self.call("llvm.fabs", a)

    def _sqrt(self, a: Any) -> Any:
        return self.call("llvm.sqrt", a)

    def _sign(self, a: Any) -> Any:
        zero, one = self.number(0.0), self.number(1.0)
        negative = self.builder.select(self.less(a, zero), self.number(-1.0), a)
        return self.builder.select(self.less(zero, a), one, negative)

    def _sigmoid(self, a: Any) -> Any:
        return self._reciprocal(self.add(self.number(1.0), self._exp(self._neg(a))))

    def polynomial(self, x: Any, coefficients: Sequence[float]) -> Any:
        """Evaluate by Horner's rule, constant term first."""
        value = self.number(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            value = self.add(self.multiply(value, x), self.number(c))
        return value

    def power_of_two(self, k: Any) -> Any:
        bits = self.builder.shl(self.builder.add(k, self.whole(1023)), self.whole(52))
        return self.builder.bitcast(bits, self.double)

    def _exp(self, x: Any) -> Any:
        """exp(x) = 2**k exp(r) with |r| <= ln(2) / 2, exp(r) by its Taylor series."""
        builder = self.builder
        high, low = self.number(709.782712893384), self.number(-745.2)
        safe = builder.select(self.less(x, high), x, high)
        safe = builder.select(self.less(safe, low), low, safe)
        k = self.call("llvm.rint", self.multiply(safe, self.number(1.4426950408889634)))
        r = self.add(safe, self.multiply(k, self.number(-_LN2_HIGH)))
        r = self.add(r, self.multiply(k, self.number(-_LN2_LOW)))
        tail = self.polynomial(r, [1.0 / math.factorial(n) for n in range(2, 14)])
        value = self.add(self.number(1.0), self.add(r, self.multiply(self.multiply(r, r), tail)))
        whole = builder.fptosi(k, self.integer)
        # In two factors, so that subnormal results are reached.
        half = builder.ashr(whole, self.whole(1))
        value = self.multiply(
            self.multiply(value, self.power_of_two(half)), self.power_of_two(builder.sub(whole, half))
        )
        value = builder.select(self.less(high, x), self.number(math.inf), value)
        return builder.select(self.is_nan(x), x, value)

    def _log(self, x: Any) -> Any:
        """log(x) = k ln(2) + log(1 + f), sqrt(1/2) < 1 + f < sqrt(2), by the series of fdlibm."""
        builder, number = self.builder, self.number
        small = self.less(x, number(2.2250738585072014e-308))
        scaled = builder.select(small, self.multiply(x, number(2.0**54)), x)
        # Adding what lies between sqrt(1/2) and 1 in bits makes the exponent round instead of truncate.
        bits = builder.add(builder.bitcast(scaled, self.integer), self.whole(0x3FF0000000000000 - 0x3FE6A09E667F3BCD))
        exponent = builder.sub(builder.lshr(bits, self.whole(52)), self.whole(1023))
        mantissa = builder.add(builder.and_(bits, self.whole(0x000FFFFFFFFFFFFF)), self.whole(0x3FE6A09E667F3BCD))
        f = self.add(builder.bitcast(mantissa, self.double), number(-1.0))
        k = self.add(builder.sitofp(exponent, self.double), builder.select(small, number(-54.0), number(0.0)))
        s = builder.fdiv(f, self.add(f, number(2.0)), flags=_FAST)
        z = self.multiply(s, s)
        tail = self.multiply(z, self.polynomial(z, _LOG))
        half_square = self.multiply(self.multiply(f, f), number(0.5))
        low = self.add(self.multiply(s, self.add(half_square, tail)), self.multiply(k, number(_LN2_LOW)))
        value = builder.fsub(half_square, low, flags=_FAST)
        value = builder.fsub(self.multiply(k, number(_LN2_HIGH)), builder.fsub(value, f, flags=_FAST), flags=_FAST)
        value = builder.select(self.less(x, number(math.inf)), value, x)  # inf and NaN
        value = builder.select(builder.fcmp_ordered("==", x, number(0.0)), number(-math.inf), value)
        return builder.select(self.less(x, number(0.0)), number(math.nan), value)

    def _pow(self, base: Any, exponent: Any) -> Any:
        """x**y = exp(y log |x|) with the sign of an odd power; 1 where y = 0; NaN for a root of a negative number."""
        builder, number = self.builder, self.number
        value = self._exp(self.multiply(exponent, self._log(self._abs(base))))
        whole = self.call("llvm.rint", exponent)
        half = self.multiply(exponent, number(0.5))
        odd = builder.fcmp_unordered("!=", half, self.call("llvm.rint", half))
        signed = builder.select(odd, self._neg(value), value)
        signed = builder.select(builder.fcmp_ordered("==", whole, exponent), signed, number(math.nan))
        value = builder.select(self.less(base, number(0.0)), signed, value)
        return builder.select(builder.fcmp_ordered("==", exponent, number(0.0)), number(1.0), value)
