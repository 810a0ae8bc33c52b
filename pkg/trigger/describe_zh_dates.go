package trigger

import (
	"fmt"
	"strconv"
	"strings"
)

// dates says on which days; "" is every day.
func (c chinese) dates(d *description) string {
	months, weekdays := c.months(d), c.weekdays(d, "和")
	text := ""
	switch {
	case d.days != nil && weekdays != "" && d.either:
		if d.months != 0 {
			months = strings.TrimSuffix(months, "的") + "内，"
		}
		days := c.days(d)
		if d.months != 0 {
			days = strings.TrimPrefix(days, " ")
		}
		text = months + days + "或" + c.weekly(d, weekdays)
	case d.days != nil && weekdays != "":
		text = months + c.days(d) + "且为" + c.weekdays(d, "或")
	case d.days != nil:
		text = months + c.days(d)
	case d.weekdayPlaces != nil && d.weekdays == 0:
		text = months + weekdays
	case weekdays != "" && d.months != 0:
		text = strings.TrimSuffix(months, "的") + "的" + c.weekly(d, weekdays)
	case weekdays != "":
		text = c.weekly(d, weekdays)
	case d.months != 0:
		text = strings.TrimSuffix(months, "的") + "每天"
	case d.years != nil || d.weeks != nil:
		text = "每天"
	}
	if d.weeks != nil {
		numbers := "ISO 第 " + c.numbers(d.weeks)
		text = numbers + gap(numbers, "周") + "周" + text
	}
	if d.years != nil {
		years := c.years(d.years)
		if d.months == 0 || !d.oneYear() {
			years += "，"
		}
		text = years + text
	}
	return text
}

// oneYear reports whether a single year is named, so that a month need not say "every year".
func (d *description) oneYear() bool { return len(d.years) == 1 && d.years[0].single() }

// months precedes a day: "每月", "每年 1 月", "每年 1 月和 7 月的".
func (c chinese) months(d *description) string {
	if d.months == 0 {
		return "每月"
	}
	every := "每年"
	if d.oneYear() {
		every = ""
	}
	if from, to, ok := run(uint64(d.months), 1, 12); ok {
		return fmt.Sprintf("%s %d 月至 %d 月的", every, from, to)
	}
	var items []string
	for _, i := range setOf(uint64(d.months)) {
		items = append(items, " "+strconv.Itoa(i)+" 月")
	}
	if len(items) == 1 {
		return every + items[0]
	}
	return every + c.also(items) + "的"
}

func (c chinese) days(d *description) string {
	var numbers, items []string
	for _, p := range d.days {
		if p.kind == partRange && p.from == p.to {
			numbers = append(numbers, fmt.Sprintf(" %d 日", p.from))
			continue
		}
		items = append(items, c.day(p, d.dialect))
	}
	return c.also(append(numbers, items...))
}

func (c chinese) day(p part, dialect dialect) string {
	from, to, step := int(p.from), int(p.to), int(p.step)
	switch p.kind {
	case partAll:
		return fmt.Sprintf(" 1 日起每 %d 天", step)
	case partFromEnd:
		if from == 0 {
			return "最后一天"
		}
		return fmt.Sprintf("倒数第 %d 天", from+1)
	case partNear:
		return fmt.Sprintf("离 %d 日最近的工作日", from)
	case partNearEnd:
		if from == 0 {
			return "最后一个工作日"
		}
		return fmt.Sprintf("离倒数第 %d 天最近的工作日", from+1)
	case partNth:
		return c.place(p, dialect)
	}
	if step > 1 {
		return fmt.Sprintf(" %d 日至 %d 日每 %d 天", from, to-(to-from)%step, step)
	}
	return fmt.Sprintf(" %d 日至 %d 日", from, to)
}

// place says "第二个星期五".
func (chinese) place(p part, dialect dialect) string {
	which := [...]string{"", "第一个", "第二个", "第三个", "第四个", "第五个", "最后一个"}[p.to]
	return which + "星期" + chineseWeekdays[(dialect.weekday(int(p.from))+6)%7]
}

// weekdays joins with and, "和" or "或".
func (c chinese) weekdays(d *description, and string) string {
	var items []string
	if d.weekdays != 0 {
		if from, to, ok := run(uint64(d.weekdays), 0, 6); ok {
			items = append(items, "周"+chineseWeekdays[(from+6)%7]+"至周"+chineseWeekdays[(to+6)%7])
		} else {
			for _, i := range mondayFirst(d.weekdays) {
				items = append(items, "周"+chineseWeekdays[i])
			}
		}
	}
	for _, p := range d.weekdayPlaces {
		items = append(items, c.place(p, d.dialect))
	}
	text := join(items, "、", and)
	if d.weekdays != 0 && d.weekdayPlaces != nil && and == "和" {
		text = "每" + text
	}
	return text
}

// weekly puts "每" before plain weekdays and "每月" before positions.
func (chinese) weekly(d *description, weekdays string) string {
	switch {
	case strings.HasPrefix(weekdays, "每"):
		return weekdays
	case d.weekdayPlaces != nil:
		return "每月" + weekdays
	default:
		return "每" + weekdays
	}
}

func (c chinese) numbers(parts []part) string {
	var items []string
	for _, p := range parts {
		switch from, to, step := int(p.from), int(p.to), int(p.step); {
		case p.kind == partAll:
			items = append(items, fmt.Sprintf("1 至 53（每 %d 周）", step))
		case from == to:
			items = append(items, strconv.Itoa(from))
		case step > 1:
			items = append(items, fmt.Sprintf("%d 至 %d（每 %d 周）", from, to-(to-from)%step, step))
		default:
			items = append(items, fmt.Sprintf("%d 至 %d", from, to))
		}
	}
	return c.and(items)
}

func (c chinese) years(parts []part) string {
	var items []string
	for _, p := range parts {
		from, to, step := int(p.from), int(p.to), int(p.step)
		if p.kind == partAll {
			from = fieldInfos[atYear].min
		}
		switch {
		case p.kind != partAll && from == to:
			items = append(items, strconv.Itoa(from)+" 年")
		case step > 1 && (p.open || p.kind == partAll):
			items = append(items, fmt.Sprintf("%d 年起每 %d 年", from, step))
		case step > 1:
			items = append(items, fmt.Sprintf("%d 至 %d 年每 %d 年", from, to-(to-from)%step, step))
		default:
			items = append(items, fmt.Sprintf("%d 至 %d 年", from, to))
		}
	}
	return c.also(items)
}
