"""Makes Tests/system/exact_sums.txt: lists of doubles with their exactly rounded sum and standard deviation.

    python Tests/system/exact_sum_cases.py > Tests/system/exact_sums.txt

The sum is math.fsum's, checked against rational arithmetic (which stands in where fsum's partials overflow); the sample
standard deviation is rational arithmetic with a root of 60 digits. A line: the bits of the sum, of the standard deviation
(`-` below two values), then the bits of the values, all in hexadecimal.
"""

import decimal
import fractions
import math
import random
import struct

decimal.getcontext().prec = 60
decimal.getcontext().Emax, decimal.getcontext().Emin = 10**6, -(10**6)


def bits(value):
    return f"{struct.unpack('<Q', struct.pack('<d', value))[0]:x}"


def rational_to_double(value):
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def line(values):
    special = [v for v in values if not math.isfinite(v)]
    if special:
        total = sum(special)
        spread = math.nan
    else:
        exact = sum(map(fractions.Fraction, values), fractions.Fraction(0))
        total = rational_to_double(exact)
        try:
            assert math.fsum(values) == total, values
        except OverflowError:
            pass
        n = len(values)
        if n >= 2:
            squares = sum(fractions.Fraction(v) ** 2 for v in values)
            variance = (n * squares - exact**2) / (n * (n - 1))
            root = (decimal.Decimal(variance.numerator) / decimal.Decimal(variance.denominator)).sqrt()
            spread = float(root)
    total += 0.0  # a sum of zeros is +0.0
    deviation = bits(spread) if len(values) >= 2 else "-"
    return " ".join([bits(total), deviation] + [bits(v) for v in values])


def any_double(rng):
    while True:
        value = struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0]
        if math.isfinite(value):
            return value


def main():
    rng = random.Random(20261121)
    tiny, huge = 5e-324, 1.7976931348623157e308
    cases = [
        [], [0.0], [-0.0], [0.0, -0.0], [tiny], [-tiny], [tiny] * 3, [tiny, -tiny], [huge], [huge, -huge], [huge, huge],
        [huge, huge, -huge], [-huge, -huge, huge], [huge, tiny, -huge], [1e100, 1.0, -1e100], [1e16, 1.0, -1e16],
        [1.0, 2.0**-53], [1.0, 2.0**-53, tiny], [1.0, -(2.0**-54)], [1.0 + 2.0**-52, 2.0**-53], [2.0**53, 1.0, tiny],
        [2.0**1023] * 2, [2.0**-1022, -tiny], [2.0**-1074] * 7, [2.0**-80, 2.0**-81], [2.0**45, 2.0**-80],
        [2.0**46] * 3, [2.0**46, -(2.0**46)], [2.0**47, 2.0**-90], [-(2.0**46)] * 5, [0.1] * 10, [1e9 + 0.1] * 100,
        [math.inf], [-math.inf, 1.0], [math.inf, -math.inf], [math.nan, 1.0], [math.inf, math.nan], [math.inf] * 2,
        [1e300, 1.0, 2.0], [1e-300, 2e-300], [1e-170, 3e-170],
    ]
    for _ in range(60):
        cases.append([any_double(rng) for _ in range(rng.randint(1, 40))])
    for number in range(80):  # money, whole and wide ranges
        scale = 1 if number < 50 else rng.choice([1e-12, 1e12, 1e40])
        cases.append([round(rng.uniform(-1000, 1000), 2) * scale for _ in range(rng.randint(1, 100))])
    for _ in range(40):  # everything cancels but a rest
        half = [any_double(rng) * 2.0 ** -rng.randint(0, 40) for _ in range(rng.randint(1, 20))]
        values = half + [-v for v in half] + [rng.choice([tiny, 1.0, 1e-30, 2.0**-1022])]
        rng.shuffle(values)
        cases.append(values)
    for _ in range(30):  # near the edges of the window of 2^-80 … 2^46
        cases.append([math.ldexp(rng.uniform(-1, 1), rng.choice([-80, -30, -27, -28, 0, 44, 45, 46, 47]))
                      for _ in range(rng.randint(2, 60))])
    for _ in range(30):  # subnormals and ties
        cases.append([rng.choice([-1, 1]) * rng.getrandbits(rng.randint(1, 53)) * tiny for _ in range(30)])
    for values in cases:
        print(line(values))


if __name__ == "__main__":
    main()
