package conf

import (
	"math/big"
	"strings"
	"time"
)

// ParseDuration reads a time span: 500ms, 10s, 30sec, 5min, 1h, 2day, and Go's own
// forms such as 1h30m or 250us. A number without a unit counts milliseconds. A
// minus is allowed, since several properties use -1 for never.
func ParseDuration(text string) (time.Duration, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	negative := strings.HasPrefix(s, "-")
	number, unit := splitUnit(strings.TrimPrefix(s, "-"))
	one, ok := durationUnit(unit)
	if !ok || !isDecimal(number) || len(number) > 64 {
		if d, err := time.ParseDuration(s); err == nil {
			return d, nil
		}
		if len(text) > 32 {
			text = text[:32] + "…"
		}
		return 0, invalidf("invalid duration %q; write a number and a unit, e.g. 500ms, 10s, 5min, 1h or 2day", text)
	}
	exact, _ := new(big.Rat).SetString(number)
	exact.Mul(exact, new(big.Rat).SetInt64(int64(one)))
	whole := new(big.Int).Quo(exact.Num(), exact.Denom())
	if !whole.IsInt64() {
		return 0, invalidf("invalid duration %q: above the largest, 106751day (292 years)", text)
	}
	if negative {
		return -time.Duration(whole.Int64()), nil
	}
	return time.Duration(whole.Int64()), nil
}

// durationUnit knows GooseFS's units, in lower case.
func durationUnit(unit string) (time.Duration, bool) {
	switch unit {
	case "", "ms", "msec", "millisecond", "milliseconds":
		return time.Millisecond, true
	case "s", "sec", "second", "seconds":
		return time.Second, true
	case "m", "min", "minute", "minutes":
		return time.Minute, true
	case "h", "hr", "hour", "hours":
		return time.Hour, true
	case "d", "day", "days":
		return 24 * time.Hour, true
	}
	return 0, false
}
