// Prefetching while multiplying. R15 points to an ahead: three streams of five words, each a walk over columns of 128 bytes:
// where it is, from one row to the next, where the column ends, where it began, and how many columns are left. AHEAD moves a
// stream on by a row, asking for 128 bytes; at the end of the last column it stays where it is.

#define AHEAD(t, off, more, done) \
	MOVQ off+0(R15), t; \
	PREFETCHT1 (t); \
	PREFETCHT1 64(t); \
	WALK(t, off, more, done)

// AHEADFIRST asks for the first 64 of the 128 bytes: the processor fetches the other half with them. What is asked for keeps one of the
// few buffers of the first-level cache until it comes, and tiles that come from the second level wait for those.
#define AHEADFIRST(t, off, more, done) \
	MOVQ off+0(R15), t; \
	PREFETCHT1 (t); \
	WALK(t, off, more, done)

#define WALK(t, off, more, done) \
	ADDQ off+8(R15), t; \
	MOVQ t, off+0(R15); \
	CMPQ t, off+16(R15); \
	JCS  done; \
	SUBQ $1, off+32(R15); \
	JGT  more; \
	MOVQ $0, off+8(R15); \
	MOVQ $-1, off+16(R15); \
	JMP  done; \
more: \
	MOVQ off+24(R15), t; \
	ADDQ $128, t; \
	MOVQ t, off+0(R15); \
	MOVQ t, off+24(R15); \
	ADDQ $128, off+16(R15); \
done:
