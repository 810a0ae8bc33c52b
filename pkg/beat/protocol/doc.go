// Package protocol holds a model of the firing protocol and an explorer that
// walks every interleaving of it within small bounds: claim, enqueue, deliver,
// record, reconcile, cancel, with processes that die and a Redis that forgets
// between any two steps. It is made of tests only, nothing imports it, and it
// runs none of the code that it is a model of: docs/adr/0004-model-check.md says
// what that means.
package protocol
