package conf

import (
	"strconv"
	"strings"
)

// ParseRatio reads a share above 0 and at most 1: 0.8 or 80%. A bare 80 is
// refused, as nobody can tell whether 1 then means all or a hundredth.
func ParseRatio(text string) (float64, error) {
	number, unit := splitUnit(strings.TrimSpace(text))
	if !isDecimal(number) || len(number) > 64 || unit != "" && unit != "%" {
		return 0, invalidf("invalid ratio %q; write a decimal between 0 and 1, e.g. 0.8", text)
	}
	r, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, invalidf("invalid ratio %q; write a decimal between 0 and 1, e.g. 0.8", text)
	}
	if unit == "%" {
		r /= 100
	}
	switch {
	case r > 1 && r <= 100 && unit == "":
		return 0, invalidf("ratio %q is above 1; write %s or %s%%", text, strconv.FormatFloat(r/100, 'g', 6, 64), number)
	case r <= 0 || r > 1:
		return 0, invalidf("ratio %q is not above 0 and at most 1; write e.g. 0.8", text)
	}
	return r, nil
}
