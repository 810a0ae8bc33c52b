package trigger

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// chinese is the wording of Describe in simplified Chinese: date first, then time, numbers set off by spaces.
type chinese struct{}

var chineseWeekdays = [...]string{"一", "二", "三", "四", "五", "六", "日"}

func (c chinese) cron(d *description) string {
	when := c.dates(d)
	if d.rule != nil {
		days := "每个工作日 "
		if d.rule.On == OnRestday {
			days = "每个休息日 "
		}
		return days + c.time(d) + "（" + d.rule.ID + " 日历），" + d.zone
	}
	if when == "" && d.times != nil {
		when = "每天"
	}
	text := c.time(d)
	if when != "" {
		text = when + gap(when, text) + text
	}
	if d.anyDateTime {
		return text
	}
	return text + "，" + d.zone
}

// gap is a space where a number would touch a Chinese character.
func gap(left, right string) string {
	if left[len(left)-1] < 0x80 || right[0] < 0x80 {
		return " "
	}
	return ""
}

func (chinese) and(list []string) string {
	return strings.ReplaceAll(join(list, "、", " 和 "), "） 和", "）和")
}

// also joins phrases rather than numbers.
func (chinese) also(list []string) string { return join(list, "、", "和") }

func (c chinese) time(d *description) string {
	if d.times != nil {
		return c.and(d.times)
	}
	if d.minute.kind == shapeOne && d.second.kind == shapeOne {
		return c.hourly(d)
	}
	hour := ""
	switch h := d.hour; {
	case h.kind == shapeAll:
		if d.minute.kind != shapeAll && d.minute.kind != shapeStep {
			hour = "每小时的"
		}
	case (h.kind == shapeOne || h.kind == shapeSpan) && (d.minute.kind == shapeAll || d.minute.kind == shapeStep):
		hour = clock(h.from, 0, 0) + " 至 " + clock(h.to, english{}.lastMinute(d.minute), 0) + " "
	default:
		hour = c.hours(h) + "的"
		if d.minute.kind == shapeAll || d.minute.kind == shapeStep {
			hour = c.hours(h) + "内"
		}
	}
	return hour + c.minutes(d)
}

// hours names hours of the day: "9、11 和 13 点", "9 至 17 点".
func (c chinese) hours(h shape) string {
	switch h.kind {
	case shapeOne:
		return fmt.Sprintf("%d 点", h.from)
	case shapeSpan:
		return fmt.Sprintf("%d 至 %d 点每小时", h.from, h.to)
	case shapeStep, shapeSteps: // at most 12 numbers
		var items []string
		for n := h.from; n <= h.to; n += h.step {
			items = append(items, strconv.Itoa(n))
		}
		return c.and(items) + " 点"
	default:
		text := c.list(h, "小时")
		return text + gap(text, "点") + "点"
	}
}

func (c chinese) hourly(d *description) string {
	minute, second := d.minute.from, d.second.from
	span := clock(d.hour.from, minute, second) + " 至 " + clock(d.hour.to, minute, second)
	past := fmt.Sprintf("第 %d 分", minute)
	if second != 0 {
		past += fmt.Sprintf(" %d 秒", second)
	}
	switch h := d.hour; h.kind {
	case shapeAll:
		if minute == 0 && second == 0 {
			return "每小时"
		}
		return "每小时的" + past
	case shapeStep:
		if minute == 0 && second == 0 && h.even() {
			return fmt.Sprintf("每 %d 小时", h.step)
		}
		return fmt.Sprintf("%s 每 %d 小时", span, h.step)
	case shapeSpan:
		return span + " 每小时"
	case shapeSteps:
		return fmt.Sprintf("%s 每 %d 小时", span, h.step)
	default:
		return c.hours(h) + "的" + past
	}
}

// minutes says at which minutes and seconds.
func (c chinese) minutes(d *description) string {
	if d.second.kind == shapeOne && d.second.from == 0 {
		return c.every(d.minute, "分钟", "分", "小时")
	}
	larger := "分钟"
	if d.minute.kind != shapeAll {
		larger = ""
	}
	text := c.every(d.second, "秒", "秒", larger)
	rhythm := d.second.kind == shapeAll || d.second.kind == shapeStep
	switch {
	case d.minute.kind == shapeAll && rhythm:
		return text
	case d.minute.kind == shapeAll:
		return "每分钟的" + text
	case d.minute.kind == shapeStep:
		if rhythm {
			return fmt.Sprintf("每 %d 分钟的第一分钟内%s", d.minute.step, text)
		}
		return fmt.Sprintf("每 %d 分钟的第一分钟的%s", d.minute.step, text)
	default:
		return c.every(d.minute, "分钟", "分", "小时") + "的" + text
	}
}

// every says a field as a rhythm or a list: "每 5 分钟", "第 5 和 10 分".
func (c chinese) every(s shape, length, unit, larger string) string {
	switch s.kind {
	case shapeAll:
		return "每" + length
	case shapeStep:
		text := fmt.Sprintf("每 %d %s", s.step, length)
		if !s.even() && larger != "" {
			return "每" + larger + "内" + text
		}
		return text
	case shapeOne:
		return fmt.Sprintf("第 %d %s", s.from, unit)
	case shapeSpan:
		return fmt.Sprintf("第 %d 至 %d %s", s.from, s.to, unit)
	case shapeSteps:
		return fmt.Sprintf("第 %d 至 %d %s每 %d %s", s.from, s.to, unit, s.step, length)
	default:
		text := "第 " + c.list(s, length)
		return text + gap(text, unit) + unit
	}
}

func (c chinese) list(s shape, length string) string {
	var items []string
	for _, one := range s.items {
		switch one.kind {
		case shapeOne:
			items = append(items, strconv.Itoa(one.from))
		case shapeSpan:
			items = append(items, fmt.Sprintf("%d 至 %d", one.from, one.to))
		default:
			items = append(items, fmt.Sprintf("%d 至 %d（每 %d %s）", one.from, one.to, one.step, length))
		}
	}
	return c.and(items)
}

func (c chinese) interval(every time.Duration, anchor, zone string) string {
	text := "每" + chineseDuration(every)
	if anchor != "" {
		text += "，自 " + anchor + " 起计，" + zone
	}
	return text
}

func (chinese) date(at, zone string) string { return "仅一次：" + at + "，" + zone }

func (chinese) bounds(from, until string) string {
	switch {
	case from != "" && until != "":
		return "；自 " + from + " 起，至 " + until + " 止"
	case from != "":
		return "；自 " + from + " 起"
	case until != "":
		return "；至 " + until + " 止"
	default:
		return ""
	}
}

func (c chinese) except(list []Exclusion) string {
	var items []string
	for _, one := range list {
		items = append(items, c.exclusion(one))
	}
	const few = 3
	if len(items) > few {
		items = append(items[:few-1], fmt.Sprintf("另外 %d 项", len(items)-few+1))
	}
	return "；排除：" + strings.Join(items, "；")
}

func (c chinese) exclusion(one Exclusion) string {
	var kinds []string
	if n := len(one.Dates); n > 0 {
		switch {
		case one.Name != "":
			kinds = append(kinds, fmt.Sprintf("%s（%d 个日期）", one.Name, n))
		case n > 3:
			kinds = append(kinds, fmt.Sprintf("%s 等 %d 个日期", strings.Join(one.Dates[:2], "、"), n))
		default:
			kinds = append(kinds, c.and(one.Dates))
		}
	} else if one.Name != "" {
		kinds = append(kinds, one.Name)
	}
	if len(one.Weekdays) > 0 {
		kinds = append(kinds, c.weekdays(&description{weekdays: excludedWeekdays(one.Weekdays)}, "和"))
	}
	var times []string
	for _, r := range one.Times {
		times = append(times, r.From+" 至 "+r.To)
	}
	if len(times) > 0 {
		kinds = append(kinds, c.and(times))
	}
	return strings.Join(kinds, "，")
}

// chineseDuration says "10 秒", "小时", "36 小时", "1 小时 30 分钟"; a number has a space before it.
func chineseDuration(d time.Duration) string {
	var items []string
	for i, n := range durationParts(d) {
		if n == 0 {
			continue
		}
		name := [...]string{"天", "小时", "分钟", "秒", "毫秒"}[i]
		if n == 1 && d == durationSizes[i] {
			return name
		}
		items = append(items, " "+strconv.Itoa(n)+" "+name)
	}
	return strings.Join(items, "")
}
