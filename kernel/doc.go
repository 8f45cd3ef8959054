// Package kernel holds the hot loops: matrix products over weights as they are stored, one-row products for decoding,
// attention, and the elementwise functions between them.
//
// Each exists as a generic Go loop, which is the reference, and in families of assembly: AVX2, AVX-512, AVX-512 with BF16 and
// VNNI, AMX. An Engine is one family; Default picks it by the processor's identity alone, never by timing, so that the same
// machine gives the same bytes. Work is split over outputs, never over sums, so the number of workers changes no byte either.
package kernel
