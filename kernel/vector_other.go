//go:build !amd64 || purego

package kernel

// loopsOf are the loops of each family: only the generic ones where there is no assembly.
var loopsOf = [AMX + 1]*loops{Generic: genericLoops}
