"""How LLVM does what `vectors` says: a type of Numba for lanes, and every operation on it.

LLVM splits the vectors where the processor's are shorter than 128 bytes.
"""

import math
import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_item_pointer, get_or_insert_function
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, overload, register_model

from .vectors import (BYTES, above, all_above, cosine_of_third, exp2, fma, load, preceding,
                      quotient, splat, store, transpose, two_to)


class Lanes(types.Type):
    """As many numbers of one type as fit into a vector."""

    def __init__(self, dtype):
        self.dtype, self.count = dtype, 8 * BYTES // dtype.bitwidth
        super().__init__(f"Lanes({dtype} x {self.count})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        number = manager[lanes.dtype].get_value_type()
        super().__init__(manager, lanes, ir.VectorType(number, lanes.count))


def _declare(function, result):
    """Tell Numba the type of function(...): result(*types of the arguments), None if not ours."""
    def generic(self, arguments, keywords):
        kind = result(*arguments)
        return kind and signature(kind, *arguments)
    template = type(function.__name__, (AbstractTemplate,), {"key": function, "generic": generic})
    infer_global(function, types.Function(template))


# Between rows of memory and lanes --------------------------------------------------------------

_declare(load, lambda row, index: Lanes(row.dtype))
_declare(store, lambda row, index, x: types.none)
_declare(splat, lambda row, number: Lanes(row.dtype))
_declare(transpose, lambda source, target: types.none)


def _pointer(context, builder, lanes, kinds, row, index):
    """Where the lanes of a row of memory begin that start with this index."""
    index = context.cast(builder, index, kinds[1], types.intp)
    row = context.make_array(kinds[0])(context, builder, row)
    pointer = get_item_pointer(context, builder, kinds[0], row, [index])
    return builder.bitcast(pointer, context.get_value_type(lanes).as_pointer())


@lower_builtin(load, types.Array, types.Integer)
def _load(context, builder, signature, arguments):
    pointer = _pointer(context, builder, signature.return_type, signature.args, *arguments)
    return builder.load(pointer, align=signature.args[0].dtype.bitwidth // 8)


@lower_builtin(store, types.Array, types.Integer, Lanes)
def _store(context, builder, signature, arguments):
    pointer = _pointer(context, builder, signature.args[2], signature.args, *arguments[:2])
    builder.store(arguments[2], pointer, align=signature.args[0].dtype.bitwidth // 8)
    return context.get_dummy_value()


@lower_builtin(splat, types.Array, types.Number)
def _splat(context, builder, signature, arguments):
    return _spread(context, builder, arguments[1], signature.args[1], signature.return_type)


def _spread(context, builder, x, kind, lanes):
    """A number in every lane; lanes as they are."""
    if kind == lanes or not isinstance(lanes, Lanes):
        return context.cast(builder, x, kind, lanes)
    undefined = ir.Constant(context.get_value_type(lanes), ir.Undefined)
    number = context.cast(builder, x, kind, lanes.dtype)
    first = builder.insert_element(undefined, number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, undefined, _integers([0] * lanes.count))


def _integers(values):
    kind = ir.IntType(32)
    return ir.Constant(ir.VectorType(kind, len(values)), [kind(value) for value in values])


@lower_builtin(transpose, types.Array, types.Array)
def _transpose(context, builder, signature, arguments):
    """Each round pairs the rows of the upper half with those of the lower: after log2(count) of
    them rows are columns."""
    kind, count = signature.args[0].dtype, 512 // signature.args[0].dtype.bitwidth
    vector = ir.VectorType(context.get_value_type(kind), count)

    def pointer(which, i):
        array = context.make_array(signature.args[which])(context, builder, arguments[which])
        place = get_item_pointer(context, builder, signature.args[which], array,
                                 [ir.IntType(64)(i), ir.IntType(64)(0)])
        return builder.bitcast(place, vector.as_pointer())

    rows = [builder.load(pointer(0, i), align=kind.bitwidth // 8) for i in range(count)]
    half = count // 2
    both = [n // 2 + n % 2 * count for n in range(2 * count)]  # lanes of two rows in turns
    for _ in range(count.bit_length() - 1):
        rows = [builder.shuffle_vector(rows[n // 2], rows[n // 2 + half],
                                       _integers(both[n % 2 * count:][:count]))
                for n in range(count)]
    for i, row in enumerate(rows):
        builder.store(row, pointer(1, i), align=kind.bitwidth // 8)
    return context.get_dummy_value()


_declare(all_above, lambda x, bound: types.boolean if isinstance(x, Lanes) else None)


@lower_builtin(all_above, Lanes, types.Number)
def _all_above(context, builder, signature, arguments):
    x, bound = (_spread(context, builder, value, kind, signature.args[0])
                for value, kind in zip(arguments, signature.args))
    bits = builder.bitcast(builder.fcmp_ordered(">", x, bound), ir.IntType(x.type.count))
    return builder.icmp_signed("==", bits, bits.type(-1))


# Of lanes and numbers ----------------------------------------------------------------------------


def _define(function, generate, arity, numbers=False):
    """Compile function(x, ...) to generate(builder, x, ...) if an argument is lanes.

    With numbers, if all are numbers of one type as well.
    """
    def lower(context, builder, signature, arguments):
        return generate(builder, *(_spread(context, builder, x, kind, signature.return_type)
                                   for x, kind in zip(arguments, signature.args)))
    for k in range(0 if numbers else 1, 2**arity):
        lower_builtin(function, *(Lanes if k >> n & 1 else types.Number
                                  for n in range(arity)))(lower)

    def result(*kinds):
        lanes = [kind for kind in kinds if isinstance(kind, Lanes)]
        return lanes[0] if lanes else kinds[0] if numbers else None
    _declare(function, result)


def _call(name):
    """The generator of a call of LLVM's function."""
    def generate(builder, *vectors):
        kind = vectors[0].type
        lanes, number = ((f"v{kind.count}", kind.element) if isinstance(kind, ir.VectorType)
                         else ("", kind))
        return builder.call(get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * len(vectors)),
            f"llvm.{name}.{lanes}{number.intrinsic_name}"), vectors)
    return generate


def _preceding(builder, x, y):
    count = x.type.count
    return builder.shuffle_vector(x, y, _integers(range(count - 1, 2 * count - 1)))


def _quotient(builder, x, y):
    zero = ir.Constant(x.type, None)
    return builder.select(builder.fcmp_ordered(">", y, zero), builder.fdiv(x, y), zero)


def _above(builder, x, bound, y, z):
    return builder.select(builder.fcmp_ordered(">", x, bound), y, z)


def _maximum(builder, x, y):
    return builder.select(builder.fcmp_ordered(">", x, y), x, y)


def _two_to(builder, x):
    single = x.type.element == ir.FloatType()
    kind = ir.VectorType(ir.IntType(32 if single else 64), x.type.count)
    fraction, bias = (23, 127) if single else (52, 1023)
    shift, one = (ir.Constant(kind, [kind.element(value)] * kind.count)
                  for value in (fraction, bias << fraction))
    bits = builder.shl(builder.bitcast(x, kind), shift)
    return builder.bitcast(builder.add(bits, one), x.type)


for arguments in (
        (operator.add, ir.IRBuilder.fadd, 2), (operator.sub, ir.IRBuilder.fsub, 2),
        (operator.mul, ir.IRBuilder.fmul, 2), (operator.truediv, ir.IRBuilder.fdiv, 2),
        (operator.neg, ir.IRBuilder.fneg, 1), (abs, _call("fabs"), 1),
        (np.sqrt, _call("sqrt"), 1), (np.maximum, _maximum, 2),
        (fma, _call("fmuladd"), 3, True), (quotient, _quotient, 2), (above, _above, 4),
        (two_to, _two_to, 1), (preceding, _preceding, 2)):
    _define(*arguments)


@overload(exp2, jit_options={"forceinline": True})
def _compile_exp2(t):
    """2^t = 2^n 2^r with the nearest integer n, which goes into the bits of the exponent, and |r|
    <= 1/2, for which a Taylor polynomial ends below the rounding unit. The relative error is that
    of rounding t, |t| units. There is no branch, so that all lanes are computed at once."""
    single = t.dtype == types.float32
    number = np.float32 if single else np.float64
    bias, fraction, degree = (127, 23, 6) if single else (1023, 52, 12)
    series = [number(math.log(2)**k / math.factorial(k)) for k in range(degree + 1)]
    even, odd = tuple(series[::2][::-1]), tuple(series[1::2][::-1])
    lowest = number(1 - bias)
    rounding = number(1.5 * 2**fraction)  # leaves the nearest integer in the sum's lowest bits

    def compiled(t):
        t = np.maximum(t, lowest)
        total = t + rounding
        r = t - (total - rounding)
        square = r * r
        evens, odds = fma(even[0], square, even[1]), fma(odd[0], square, odd[1])
        for coefficient in even[2:]:  # Horner's scheme in r^2; short enough to be unrolled
            evens = fma(evens, square, coefficient)
        for coefficient in odd[2:]:
            odds = fma(odds, square, coefficient)
        return fma(r, odds, evens) * two_to(total)
    return compiled


# cos(acos(h) / 3) on [0, 1] to 3e-10, from the constant on; it is smooth there, as its only
# singularity is at h = -1.
COSINE = (.866025404, .166666613, -.0481107211, .0246673778, -.0154259864, .0102905828,
          -.00645022876, .00325274667, -.00108910565, .000173317673)


@overload(cosine_of_third, jit_options={"forceinline": True})
def _compile_cosine_of_third(h):
    """The polynomial, and in float64 one step of Newton's method for 4 c^3 - 3 c = h."""
    single = h.dtype == types.float32
    number = np.float32 if single else np.float64
    series = tuple(number(coefficient) for coefficient in COSINE[::-1])
    three, four, one = number(3), number(4), number(1)

    def compiled(h):
        c = fma(series[0], h, series[1])
        for coefficient in series[2:]:
            c = fma(c, h, coefficient)
        if single:
            return c
        square = c * c
        return c - (c * fma(four, square, -three) - h) / (three * fma(four, square, -one))
    return compiled
