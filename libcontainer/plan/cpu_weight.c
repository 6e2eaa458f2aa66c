/* cpu.weight from cpu.shares: ceil(10 ^ ((l * l + 125 * l) / 612 - 7 / 34)) with l = log2(shares), the
 * quadratic curve through 2 -> 1, 1024 -> 100 and 262144 -> 10000 that replaced the straight line of the
 * first cgroup v2 conversions in 2025. Computed without libm, which would cost each verb the loading of
 * one more shared library; the accuracy of a double is kept, and a value that misses a whole number by
 * less than rounding counts as that number. */
#include "plan/cgroup.h"

#define LOG2_OF_10 3.321928094887362347870319429489390
#define LN_OF_2 0.693147180559945309417232121458177

/* Binary logarithm of @x >= 1: the integer part by halving, then a bit of the fraction a squaring. */
static double log2_of(double x)
{
	double result = 0, bit = 0.5;

	while (x >= 2) {
		x /= 2;
		result += 1;
	}
	for (; bit > 1e-17; bit /= 2) {
		x *= x;
		if (x >= 2) {
			x /= 2;
			result += bit;
		}
	}
	return result;
}

/* 2 to the power of @x >= 0: the integer part by doubling, the fraction by the exponential series. */
static double exp2_of(double x)
{
	double result = 1, term = 1;
	int whole = (int)x, i;

	x = (x - whole) * LN_OF_2;
	for (i = 1; i <= 20; i++) {
		term *= x / i;
		result += term;
	}
	while (whole-- > 0)
		result *= 2;
	return result;
}

uint64_t plan_cpu_weight(uint64_t shares)
{
	double l, weight;
	uint64_t floor;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log2_of((double)shares);
	weight = exp2_of(((l * l + 125 * l) / 612 - 7.0 / 34) * LOG2_OF_10);
	floor = (uint64_t)weight;
	return weight - (double)floor > 1e-9 ? floor + 1 : floor;
}
