package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports for other processes come from below the range that the kernel hands to
// outgoing connections, so that none of those takes a port between our looking
// and the other process's listening.
const (
	firstPort = 20000
	lastPort  = 29999
)

var givenPorts sync.Map // ports that this process has handed out

func listenLocal() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// freePort answers a port of 127.0.0.1 on which nobody listens now.
func freePort() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		if portFree("127.0.0.1", port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port between %d and %d is free", firstPort, lastPort)
}

func portFree(host string, port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}

// claimAddr answers addr with a port of its own for port 0, and refuses a fixed
// one that is taken. The advice says how to choose another.
func claimAddr(addr, advice string) (string, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%q is not an address like 127.0.0.1:8080", addr)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", fmt.Errorf("%q has no valid port", addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == 0 {
		if port, err = freePort(); err != nil {
			return "", err
		}
		return net.JoinHostPort(host, strconv.Itoa(port)), nil
	}
	if !portFree(host, port) {
		return "", fmt.Errorf("port %d is in use: stop what listens there or choose another, %s", port, advice)
	}
	return net.JoinHostPort(host, text), nil
}

// reachable is an address as one on this machine calls it: nobody connects to 0.0.0.0.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}
