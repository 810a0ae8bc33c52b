package trigger

import (
	"fmt"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// fieldWords are how a warning calls a field.
var fieldWords = [fieldCount]struct {
	en, zh        string
	low, high     int
	unit, unitsZH string
}{
	atYear:      {"year", "年", 1970, 9999, "year", "年"},
	atMonth:     {"month", "月", 1, 12, "month", "个月"},
	atDay:       {"day of month", "日", 1, 31, "day", "天"},
	atWeek:      {"week", "周", 1, 53, "week", "周"},
	atDayOfWeek: {"day of week", "星期", 0, 6, "day", "天"},
	atHour:      {"hour", "小时", 0, 23, "hour", "小时"},
	atMinute:    {"minute", "分钟", 0, 59, "minute", "分钟"},
	atSecond:    {"second", "秒", 0, 59, "second", "秒"},
}

// parts warns of single elements of the fields.
func (w *warner) parts() {
	for _, p := range w.s.parts {
		f := fieldWords[p.field]
		step, from, to := int(p.step), int(p.from), int(p.to)
		if p.kind == partAll {
			from, to = f.low, f.high
		} else if p.kind != partRange {
			continue
		}
		if p.wraps {
			w.wraps(p)
		}
		switch {
		case step <= 1 || p.hash:
		case step > to-from && !p.wraps:
			w.add(WarnWideStep,
				fmt.Sprintf("%s: a step of %d is wider than its range, so only %d is left", f.en, step, from),
				fmt.Sprintf("%s：步长 %d 超出范围，只剩 %d", f.zh, step, from))
		case from == f.low && (to == f.high || p.open):
			w.uneven(p, from, step)
		}
		if p.open && w.s.dialect == crontab {
			read := fmt.Sprintf("%d-%d/%d", from, to, max(step, 1))
			w.add(WarnOpenStep,
				fmt.Sprintf("%s: %d/%d is read as %s; some crontabs refuse it", f.en, from, step, read),
				fmt.Sprintf("%s：%d/%d 按 %s 处理；有些 crontab 不接受这种写法", f.zh, from, step, read))
		}
	}
}

// uneven warns when the step does not divide the round.
func (w *warner) uneven(p part, from, step int) {
	f := fieldWords[p.field]
	if p.field == atYear {
		return
	}
	if p.field == atDay || p.field == atWeek {
		round, roundZH := "month", "每月"
		if p.field == atWeek {
			round, roundZH = "year", "每年"
		}
		w.add(WarnUneven,
			fmt.Sprintf("%s: a step of %d is uneven: it starts again at 1 every %s", f.en, step, round),
			fmt.Sprintf("%s：步长 %d 不均匀：%s从 1 重新开始", f.zh, step, roundZH))
		return
	}
	size := f.high - f.low + 1
	if size%step == 0 {
		return
	}
	last := from + (size-1)/step*step
	rest := f.low + size - last
	w.add(WarnUneven,
		fmt.Sprintf("%s: a step of %d is uneven: after %d comes %d again, only %s later", f.en, step, last, from, plural(rest, f.unit)),
		fmt.Sprintf("%s：步长 %d 不均匀：%d 之后回到 %d，只隔 %d %s", f.zh, step, last, from, rest, f.unitsZH))
}

// wraps warns of a range of names that goes round.
func (w *warner) wraps(p part) {
	f := fieldWords[p.field]
	names := sundayFirst[:]
	if p.field == atMonth {
		names = monthNames[:]
	}
	var list []string
	p.values(f.low, f.high, func(n int) { list = append(list, names[(n-f.low)%len(names)]) })
	read := strings.Join(list, ",")
	w.add(WarnWraps,
		fmt.Sprintf("%s: the range goes round and is read as %s; some crontabs refuse it", f.en, read),
		fmt.Sprintf("%s：范围跨越末尾，按 %s 处理；有些 crontab 不接受这种写法", f.zh, read))
}
