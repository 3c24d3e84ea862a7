package checkout

import "crypto/rand"

// numberLetters are the digits and capitals that are not mistaken for one another: 32, so that a byte maps evenly.
const numberLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newNumber makes an order number for people: random, so that it tells nobody how many orders there are.
func newNumber() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // crypto/rand never fails
	for i, b := range random {
		random[i] = numberLetters[b%32]
	}
	return "AT-" + string(random[:4]) + "-" + string(random[4:])
}
