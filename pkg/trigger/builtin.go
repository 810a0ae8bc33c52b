package trigger

import "sync"

// builtIn are the calendars that every Parser knows.
var builtIn = sync.OnceValue(func() map[string]*Calendar {
	all := map[string]*Calendar{}
	for id, spec := range BuiltInCalendars() {
		c, err := CompileCalendar(id, 0, spec)
		if err != nil {
			panic(err) // a test compiles them
		}
		all[id] = c
	}
	return all
})

// BuiltInCalendars are the calendars that are there before anybody writes one: "cn", the working days of mainland China by
// the yearly notices of the State Council (国务院办公厅关于部分节假日安排的通知), and "weekdays", Monday to Friday.
func BuiltInCalendars() map[string]CalendarSpec {
	weekend := []string{"sat", "sun"}
	return map[string]CalendarSpec{
		"weekdays": {Name: "Monday to Friday", Weekend: weekend, Off: []CalendarDay{}, Work: []CalendarDay{}},
		"cn": {
			Name: "中国大陆工作日", Weekend: weekend,
			Off: []CalendarDay{
				{"2025-01-01", "元旦"}, {"2025-01-28/2025-02-04", "春节"}, {"2025-04-04/2025-04-06", "清明节"}, {"2025-05-01/2025-05-05", "劳动节"},
				{"2025-05-31/2025-06-02", "端午节"}, {"2025-10-01/2025-10-08", "国庆节、中秋节"},
				{"2026-01-01/2026-01-03", "元旦"}, {"2026-02-15/2026-02-23", "春节"}, {"2026-04-04/2026-04-06", "清明节"}, {"2026-05-01/2026-05-05", "劳动节"},
				{"2026-06-19/2026-06-21", "端午节"}, {"2026-09-25/2026-09-27", "中秋节"}, {"2026-10-01/2026-10-07", "国庆节"},
			},
			Work: []CalendarDay{
				{"2025-01-26", "春节"}, {"2025-02-08", "春节"}, {"2025-04-27", "劳动节"}, {"2025-09-28", "国庆节、中秋节"}, {"2025-10-11", "国庆节、中秋节"},
				{"2026-01-04", "元旦"}, {"2026-02-14", "春节"}, {"2026-02-28", "春节"}, {"2026-05-09", "劳动节"}, {"2026-09-20", "国庆节"}, {"2026-10-10", "国庆节"},
			},
		},
	}
}
