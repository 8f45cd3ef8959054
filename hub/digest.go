package hub

import (
	"crypto/sha1" //nolint:gosec // git names blobs by it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
)

var (
	isSHA256 = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
	isSHA1   = regexp.MustCompile(`\A[0-9a-f]{40}\z`)
)

// verifiable says whether an ETag is the hash of the bytes.
func verifiable(etag string) bool { return isSHA256.MatchString(etag) || isSHA1.MatchString(etag) }

// newDigest hashes the bytes of a file as its ETag was made: by SHA-256, or as a
// blob of git, whose hash begins with the size.
func newDigest(etag string, size int64) hash.Hash {
	if isSHA1.MatchString(etag) {
		d := sha1.New() //nolint:gosec // as above
		fmt.Fprintf(d, "blob %d\x00", size)
		return d
	}
	return sha256.New()
}

// fileHas says whether a file's bytes have the hash that an ETag is.
func fileHas(path, etag string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() { // whose end may never come
		return false, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	d := newDigest(etag, info.Size())
	if _, err := io.Copy(d, file); err != nil {
		return false, err
	}
	return hex.EncodeToString(d.Sum(nil)) == etag, nil
}
