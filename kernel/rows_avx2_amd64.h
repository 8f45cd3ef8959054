// What the row kernels for AVX2 define before they include rows_amd64.h.

#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define V5 Y5
#define V6 Y6
#define V7 Y7
#define V8 Y8
#define V9 Y9
#define V10 Y10
#define V11 Y11
#define V12 Y12
#define V13 Y13
#define V14 Y14
#define V15 Y15

#define VBYTES 32
#define LANES 8

#define TRANSPOSEDSUMS \
	VUNPCKLPS     Y1, Y0, Y4; \
	VUNPCKHPS     Y1, Y0, Y5; \
	VADDPS       Y5, Y4, Y4; \
	VUNPCKLPS     Y3, Y2, Y6; \
	VUNPCKHPS     Y3, Y2, Y7; \
	VADDPS       Y7, Y6, Y6; \
	VUNPCKLPD     Y6, Y4, Y0; \
	VUNPCKHPD     Y6, Y4, Y1; \
	VADDPS       Y1, Y0, Y0; \
	VEXTRACTF128  $1, Y0, X1; \
	VADDPS        X1, X0, X0
