// Package engine owns time: when a secret is due, who works on it, in what
// order the steps are called, retries, windows and the timers of endings. It
// knows nothing of providers but the lane. The queue is the store's rotation
// rows; the engine keeps nothing that a restart would miss.
package engine
