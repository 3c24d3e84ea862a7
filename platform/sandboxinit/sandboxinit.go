// Package sandboxinit is the first thing that runs in a child of platform/sandbox: it takes away from this process whatever a program
// that reads a stranger's file has no use for, and then becomes that program.
//
// Importing it is enough, and it imports syscall alone: so its init comes before nearly all others, and costs a child little.
package sandboxinit

const (
	// Variable is set in the environment of a child that is to be confined, and in no other process. Its value are limits, each as
	// resource:soft:hard in the system's numbers, separated by commas.
	Variable = "ATRIUM_SANDBOX"
	// Check before the limits lets the child tell by its standard output what it can still do, a line each, instead of becoming a program.
	Check = "check:"
	// Failed is the exit code of a child that did not get as far as its program; its standard error says why.
	Failed = 125
)

// What a child can still do where the system does not permit to take it away.
const (
	CanConnect  = "open sockets"
	CanSignal   = "send signals to the server"
	CanReadHost = "read the server's environment"
	CanGain     = "gain privileges by running other programs"
)
