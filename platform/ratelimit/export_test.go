package ratelimit

import (
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// NewPatient waits for Redis however busy the machine is: what it counts is then Redis's count.
func NewPatient(rdb redis.UniversalClient) *Limiter {
	return newLimiter(rdb, zap.NewNop(), 30*time.Second, idle)
}

// Local is a limiter without Redis that soon forgets who does nothing.
func Local(idle time.Duration) *Limiter { return newLimiter(nil, zap.NewNop(), redisTimeout, idle) }
