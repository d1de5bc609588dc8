package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// releasePages gives back the pages of the binary that have been mapped so
// far. After the start, half of them only the start needed: migrations, the description of the API,
// the parsing of settings; after people have joined, as many only joining. What is used again is mapped again from the system's
// file cache, which costs some hundred minor faults. Nothing can be lost: only mappings
// that cannot be written are touched, and they are copies of the file.
func releasePages() {
	binary, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer func() { _ = maps.Close() }()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var mode string
		line := lines.Text()
		if n, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n != 3 || err != nil {
			continue
		}
		if strings.HasSuffix(line, binary) && (mode == "r-xp" || mode == "r--p") {
			_ = syscall.Madvise(unsafe.Slice((*byte)(at(from)), to-from), syscall.MADV_DONTNEED)
		}
	}
}

// at makes a pointer of an address that the kernel has told. It does not point into
// memory of the garbage collector's.
func at(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }
