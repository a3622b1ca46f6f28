package local

import "syscall"

// Shield keeps other processes of the same user, such as functions, from
// reading this one's memory and environment, and it from leaving a core file
// (PR_SET_DUMPABLE, prctl(2)). Root can do so all the same.
func Shield() error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
