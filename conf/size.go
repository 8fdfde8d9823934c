package conf

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// ParseSize reads a number of bytes: 0, 512, 64MB, 2G, 1.5GiB. The units K, M, G,
// T and P may be followed by B, i or iB, may be of any case, and always count in
// 1024s. A fraction of a byte is dropped.
func ParseSize(text string) (int64, error) {
	number, unit := splitUnit(strings.TrimSpace(text))
	shift, ok := sizeShift(unit)
	if !ok || !isDecimal(number) {
		return 0, invalidf("invalid size %q; write a number and a unit, e.g. 64MB or 2G", text)
	}
	// len limits the work that a megabyte of digits would make.
	if len(number) > 64 {
		return 0, invalidf("invalid size %q: too many digits; write e.g. 64MB or 2G", text[:16]+"…")
	}
	exact, _ := new(big.Rat).SetString(number)
	exact.Mul(exact, new(big.Rat).SetInt64(1<<shift))
	whole := new(big.Int).Quo(exact.Num(), exact.Denom())
	if !whole.IsInt64() {
		return 0, invalidf("invalid size %q: above the largest, %s", text, FormatSize(math.MaxInt64))
	}
	return whole.Int64(), nil
}

// FormatSize writes a size so that ParseSize reads the same number, in the
// largest unit that needs no fraction: 64MB, 2GB, 1500B.
func FormatSize(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB", "PB"}
	i := 0
	for i+1 < len(units) && n != 0 && n%1024 == 0 {
		n /= 1024
		i++
	}
	return strconv.FormatInt(n, 10) + units[i]
}

// sizeShift returns the power of two of a unit in any case.
func sizeShift(unit string) (uint, bool) {
	unit = strings.ToLower(unit)
	if unit == "" || unit == "b" {
		return 0, true
	}
	i := strings.IndexByte("kmgtp", unit[0])
	switch unit[1:] {
	case "", "b", "i", "ib":
		return uint(10 * (i + 1)), i >= 0
	}
	return 0, false
}

// splitUnit cuts "1.5 GiB" into "1.5" and "GiB".
func splitUnit(text string) (number, unit string) {
	i := 0
	for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == '.') {
		i++
	}
	return text[:i], strings.TrimLeft(text[i:], " ")
}

// isDecimal accepts digits with at most one point, with a digit before it.
func isDecimal(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (!point || digits(fraction))
}
