package access

// bounded is a map that holds the last few thousand of its entries at most: when
// the younger half is full, the older is dropped. It is not safe for concurrent use.
type bounded[K comparable, V any] struct {
	// half is how many entries the younger half takes.
	half           int
	younger, older map[K]V
}

func newBounded[K comparable, V any](half int) *bounded[K, V] {
	return &bounded[K, V]{half: half, younger: map[K]V{}}
}

// get finds an entry, which becomes one of the younger.
func (b *bounded[K, V]) get(key K) (V, bool) {
	value, ok := b.younger[key]
	if !ok {
		if value, ok = b.older[key]; ok {
			b.put(key, value)
		}
	}
	return value, ok
}

func (b *bounded[K, V]) put(key K, value V) {
	if _, ok := b.younger[key]; !ok && len(b.younger) >= b.half {
		b.older, b.younger = b.younger, make(map[K]V, b.half)
	}
	b.younger[key] = value
}

func (b *bounded[K, V]) drop(key K) {
	delete(b.younger, key)
	delete(b.older, key)
}

func (b *bounded[K, V]) clear() { b.younger, b.older = map[K]V{}, nil }
