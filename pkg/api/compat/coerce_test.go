package compat

import (
	"encoding/json"
	"math/big"
	"testing"
)

// TestLaxIntegers compares with what pydantic made of the same values.
func TestLaxIntegers(t *testing.T) {
	var recorded struct {
		Cases []struct {
			Input json.RawMessage `json:"input"`
			Value string          `json:"value"`
			Type  string          `json:"type"`
			Msg   string          `json:"msg"`
		} `json:"cases"`
	}
	readCases(t, "testdata/lax_integers.json", &recorded)
	if len(recorded.Cases) < 250 {
		t.Fatalf("only %d cases", len(recorded.Cases))
	}
	for _, one := range recorded.Cases {
		d, err := scan(one.Input)
		if err != nil {
			t.Fatalf("%s: %v", one.Input, err)
		}
		got, wrong := toInteger(d.value)
		switch {
		case one.Type != "":
			if wrong == nil || wrong.kind != one.Type || wrong.msg != one.Msg {
				t.Errorf("%.60s is %d (%v), want %s: %s", one.Input, got, wrong, one.Type, one.Msg)
			}
		case wrong != nil:
			t.Errorf("%.60s is refused: %v, want %.60s", one.Input, *wrong, one.Value)
		default:
			if want, _ := new(big.Int).SetString(one.Value, 10); want.IsInt64() && want.Int64() != got || !want.IsInt64() && want.Sign() > 0 != (got > 0) {
				t.Errorf("%.60s is %d, want %.60s", one.Input, got, one.Value)
			}
		}
	}
}

// These pydantic lets through by a slip of its own, as -7 and as infinity that no JSON can answer.
func TestIntegersRefusedHere(t *testing.T) {
	for text, kind := range map[string]string{
		`"+0_-7"`: "int_parsing", `NaN`: "finite_number", `1e999`: "finite_number", `"\ud800"`: "int_parsing", `"+"`: "int_parsing",
	} {
		d, err := scan([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if n, wrong := toInteger(d.value); wrong == nil || wrong.kind != kind {
			t.Errorf("%s is %d (%v), want %s", text, n, wrong, kind)
		}
	}
}
