package hub

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"dragoman/internal/readfile"
)

// publicEndpoint is the hub that is asked where HF_ENDPOINT names no other.
const publicEndpoint = "https://huggingface.co"

// trusted are the origins that a token is sent to, besides HF_ENDPOINT.
var trusted = []string{publicEndpoint, "https://hf.co"}

// Hub is a cache and the hub that fills it.
type Hub struct {
	Cache    string // the folder with the models--… folders
	Endpoint string // without a slash at its end
	Token    string // "" for none
	Offline  bool   // never ask the network
	NoLinks  bool   // snapshots hold the files themselves
	// Timeout is how long a hub may be silent before a request is tried again.
	Timeout time.Duration
	// Client sends the requests; nil is a client of its own. It must not follow
	// redirects by itself.
	Client *http.Client

	retryBase time.Duration // the first pause between tries
}

// FromEnvironment is the hub that the environment describes by the variables of
// huggingface_hub: HF_HOME, HF_HUB_CACHE, XDG_CACHE_HOME, HF_TOKEN,
// HF_TOKEN_PATH, HF_ENDPOINT, HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT,
// HF_HUB_DISABLE_SYMLINKS, HF_HUB_DISABLE_IMPLICIT_TOKEN.
func FromEnvironment() (*Hub, error) {
	home, err := homeFromEnvironment()
	if err != nil {
		return nil, err
	}
	h := &Hub{
		Endpoint: strings.TrimRight(cmp.Or(os.Getenv("HF_ENDPOINT"), publicEndpoint), "/"),
		Offline:  IsTrue(cmp.Or(os.Getenv("HF_HUB_OFFLINE"), os.Getenv("TRANSFORMERS_OFFLINE"))),
		NoLinks:  IsTrue(os.Getenv("HF_HUB_DISABLE_SYMLINKS")),
		Timeout:  10 * time.Second,
	}
	if u, err := url.Parse(h.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("HF_ENDPOINT is %q, not a http or https address", h.Endpoint)
	}
	if s := os.Getenv("HF_HUB_DOWNLOAD_TIMEOUT"); s != "" {
		seconds, err := strconv.Atoi(s)
		if err != nil || seconds <= 0 {
			return nil, fmt.Errorf("HF_HUB_DOWNLOAD_TIMEOUT is %q, not a number of seconds", s)
		}
		h.Timeout = time.Duration(seconds) * time.Second
	}
	cache := cmp.Or(os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE"))
	if cache == "" {
		cache = filepath.Join(home, "hub")
	}
	if h.Cache, err = expand(cache); err != nil {
		return nil, err
	}
	if h.Token, err = tokenFromEnvironment(home); err != nil {
		return nil, err
	}
	return h, nil
}

// homeFromEnvironment is HF_HOME or its default.
func homeFromEnvironment() (string, error) {
	if home := os.Getenv("HF_HOME"); home != "" {
		return expand(home)
	}
	if base := os.Getenv("XDG_CACHE_HOME"); base != "" {
		return expand(filepath.Join(base, "huggingface"))
	}
	return expand("~/.cache/huggingface")
}

// expand fills in a leading ~ and variables, and makes a path absolute.
func expand(path string) (string, error) {
	if path == "~" || strings.HasPrefix(path, "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("the Hugging Face cache: %w", err)
		}
		path = filepath.Join(home, path[1:])
	}
	return filepath.Abs(os.Expand(path, func(name string) string {
		if value, ok := os.LookupEnv(name); ok {
			return value
		}
		return "$" + name // as Python leaves it
	}))
}

// tokenFromEnvironment is HF_TOKEN, or what `hf auth login` left in a file.
func tokenFromEnvironment(home string) (string, error) {
	if IsTrue(os.Getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		return "", nil
	}
	if token := cleanToken(cmp.Or(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN"))); token != "" {
		return token, nil
	}
	path, err := expand(cmp.Or(os.Getenv("HF_TOKEN_PATH"), filepath.Join(home, "token")))
	if err != nil {
		return "", err
	}
	raw, err := readfile.Any(path, maxNote)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case errors.As(err, new(*fs.PathError)): // which names it
		return "", fmt.Errorf("reading the hub's token: %w", err)
	case err != nil:
		return "", fmt.Errorf("reading the hub's token: %s: %w", path, err)
	}
	return cleanToken(string(raw)), nil
}

// cleanToken drops line breaks, with which files end and variables are pasted.
func cleanToken(token string) string {
	return strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(token))
}

// IsTrue is how the Hugging Face libraries read a switch.
func IsTrue(value string) bool {
	switch strings.ToUpper(value) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}
