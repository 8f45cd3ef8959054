// AMX, which Go's assembler does not know, as bytes.

#define VEX3(p, op, modrm) BYTE $0xC4; BYTE $0xE2; BYTE $(p); BYTE $(op); BYTE $(modrm)
#define LDTILECFG_AX VEX3(0x78, 0x49, 0x00)
#define TILERELEASE VEX3(0x78, 0x49, 0xC0)
#define TILEZERO(t) VEX3(0x7B, 0x49, 0xC0|((t)<<3))

// TILELOAD(t, sib) loads tile t from the address that the byte sib names; TILELOADAT and TILESTOREAT add an offset.
#define TILELOAD(t, sib) VEX3(0x7B, 0x4B, 0x04|((t)<<3)); BYTE $(sib)
#define TILELOADAT(t, sib, off) VEX3(0x7B, 0x4B, 0x84|((t)<<3)); BYTE $(sib); LONG $(off)
#define TILESTOREAT(t, sib, off) VEX3(0x7A, 0x4B, 0x84|((t)<<3)); BYTE $(sib); LONG $(off)

// TILELOADT1 is TILELOAD of what will not be wanted again soon: it does not push other lines out of the first-level cache.
#define TILELOADT1(t, sib) VEX3(0x79, 0x4B, 0x04|((t)<<3)); BYTE $(sib)
#define TILELOADT1AT(t, sib, off) VEX3(0x79, 0x4B, 0x84|((t)<<3)); BYTE $(sib); LONG $(off)

// Addresses for sib: base and index.
#define AX_BX 0x18
#define CX_BX 0x19
#define DX_SI 0x32
#define DI_SI 0x37

// TDPBF16PS(c, a, b): sums c += rows a · panel b, pairs of bf16.
#define TDPBF16PS(c, a, b) VEX3(0x02|((15-(b))<<3), 0x5C, 0xC0|((c)<<3)|(a))

// TDPBSSD(c, a, b): sums c += rows a · panel b, fours of int8.
#define TDPBSSD(c, a, b) VEX3(0x03|((15-(b))<<3), 0x5E, 0xC0|((c)<<3)|(a))
