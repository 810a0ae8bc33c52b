package apscheduler

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// MaxPickle is how large the pickle of one job may be, in bytes.
const MaxPickle = 256 << 10

const (
	// maxRepeated is how many bytes of texts may be taken from the memo. The library writes a value out whole
	// into an error's text: one long text that stands in a list ten thousand times fills the memory.
	maxRepeated = 1 << 20
	// maxName is how long the name of a class may become by members of members.
	maxName = 1000
)

var (
	errPickle = errors.New("it is no pickle of an APScheduler job")
	// errProtocol is for what pickle.dumps makes with protocol 0 or 1: the first byte of all later ones says which they are.
	errProtocol = errors.New("its pickle is of protocol 0 or 1; protocols 2 to 5 are read")
)

// object is an instance of a Python class, or the result of a call, that nobody made or called.
type object struct {
	// name is the module and the name: "datetime.datetime".
	name  string
	args  []any
	state *types.Dict
}

// PySetState keeps the state that would have been set. A class with __slots__ that does not
// say how it is stored, as in APScheduler before 3.2, has two parts: its members, and its slots.
func (o *object) PySetState(state any) error {
	pair, ok := state.(*types.Tuple)
	if !ok || len(*pair) != 2 {
		o.state, _ = state.(*types.Dict)
		return nil
	}
	o.state = types.NewDict()
	for _, part := range *pair {
		if members, ok := part.(*types.Dict); ok {
			*o.state = append(*o.state, *members...)
		}
	}
	return nil
}

// get is a member of the state; nil when there is none.
func (o *object) get(name string) any { return member(o.state, name) }

func member(d *types.Dict, name string) any {
	if d == nil {
		return nil
	}
	for i := len(*d) - 1; i >= 0; i-- { // the last one set counts
		if key, ok := (*d)[i].Key.(string); ok && key == name {
			return (*d)[i].Value
		}
	}
	return nil
}

// class is a name of Python's.
type class struct{ name string }

// PyNew makes an inert instance.
func (c *class) PyNew(args ...any) (any, error) { return &object{name: c.name, args: args}, nil }

// Call makes an inert result; a member of a class is a name again.
func (c *class) Call(args ...any) (any, error) {
	if (c.name == "builtins.getattr" || c.name == "__builtin__.getattr") && len(args) == 2 { // protocol 2 has the name of Python 2
		owner, ok1 := args[0].(*class)
		name, ok2 := args[1].(string)
		if ok1 && ok2 {
			if len(owner.name)+len(name) > maxName {
				return nil, errPickle
			}
			return &class{owner.name + "." + name}, nil
		}
	}
	return &object{name: c.name, args: args}, nil
}

// unpickle reads a pickle into inert values.
func unpickle(data []byte) (value any, err error) {
	if err := inspect(data); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil { // the library trusts that what it pops is there
			value, err = nil, errPickle
		}
	}()
	u := pickle.NewUnpickler(bytes.NewReader(data))
	u.FindClass = func(module, name string) (any, error) { return &class{module + "." + name}, nil }
	if value, err = u.Load(); err != nil {
		return nil, errPickle
	}
	return value, nil
}

// argument is how many bytes stand behind an opcode: so many, or a length in so many and what it counts.
type argument struct{ fixed, length int }

// opcodes are those that pickles of jobs are made of. What is not among them, and
// lengths beyond the data, are refused before the library allocates for them.
var opcodes = map[byte]argument{
	0x80: {fixed: 1}, 0x95: {fixed: 8}, '.': {}, '(': {}, '}': {}, ']': {}, ')': {}, 't': {}, 0x85: {}, 0x86: {}, 0x87: {},
	'a': {}, 'e': {}, 's': {}, 'u': {}, 'N': {}, 0x88: {}, 0x89: {}, 'K': {fixed: 1}, 'M': {fixed: 2}, 'J': {fixed: 4}, 'G': {fixed: 8},
	0x8a: {length: 1}, 0x8c: {length: 1}, 'X': {length: 4}, 'C': {length: 1}, 'B': {length: 4}, 'U': {length: 1}, 'T': {length: 4},
	0x94: {}, 'q': {fixed: 1}, 'r': {fixed: 4}, 'h': {fixed: 1}, 'j': {fixed: 4}, 0x93: {}, 'c': {}, 0x81: {}, 'R': {}, 'b': {},
}

// inspect walks the opcodes of a pickle without doing what they say.
func inspect(data []byte) error {
	if len(data) > MaxPickle {
		return fmt.Errorf("its pickle is larger than %d bytes", MaxPickle)
	}
	if len(data) > 0 && (data[0] == '(' || data[0] == '}') {
		return errProtocol
	}
	seen := texts{memo: map[uint32]int{}}
	for at := 0; at < len(data); {
		op := data[at]
		at++
		arg, known := opcodes[op]
		if !known {
			return errPickle
		}
		rest := data[at:]
		switch {
		case op == '.':
			return nil
		case op == 'c': // two lines
			for range 2 {
				end := bytes.IndexByte(rest, '\n')
				if end < 0 {
					return errPickle
				}
				rest, at = rest[end+1:], at+end+1
			}
			seen.top = 0
			continue
		case len(rest) < arg.fixed+arg.length:
			return errPickle
		case op == 0x95 && binary.LittleEndian.Uint64(rest) > uint64(len(rest)-8):
			return errPickle
		}
		at += arg.fixed + arg.length
		var size uint64
		for i := arg.length - 1; i >= 0; i-- {
			size = size<<8 | uint64(rest[i])
		}
		if size > uint64(len(data)-at) {
			return errPickle
		}
		if !seen.step(op, rest, int(size)) {
			return errPickle
		}
		at += int(size)
	}
	return errPickle
}

// texts follows which texts the memo of a pickle holds, and how often they are taken out.
type texts struct {
	// top is the size of the text that the opcode before pushed; 0: something else.
	top int
	// memo are the sizes by number.
	memo     map[uint32]int
	repeated int
}

// step follows one opcode, whose argument begins rest, and which pushes a text of that size. It is false when too much
// was taken out.
func (t *texts) step(op byte, rest []byte, size int) bool {
	switch op {
	case 0x80, 0x95: // PROTO, FRAME: they push nothing
		return true
	case 0x94: // MEMOIZE
		t.memo[uint32(len(t.memo))] = t.top
		return true
	case 'q': // BINPUT
		t.memo[uint32(rest[0])] = t.top
		return true
	case 'r': // LONG_BINPUT
		t.memo[binary.LittleEndian.Uint32(rest)] = t.top
		return true
	case 'h': // BINGET
		size = t.memo[uint32(rest[0])]
		t.repeated += size
	case 'j': // LONG_BINGET
		size = t.memo[binary.LittleEndian.Uint32(rest)]
		t.repeated += size
	}
	t.top = size
	return t.repeated <= maxRepeated
}
