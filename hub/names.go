package hub

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// repoName is ORG/NAME or NAME.
var repoName = regexp.MustCompile(`\A(\w([\w.-]{0,94}\w)?/)?\w([\w.-]{0,94}\w)?\z`)

// commitName is a whole commit hash: what no branch or tag is called.
var commitName = regexp.MustCompile(`\A[0-9a-f]{40}\z`)

// component is a name that is safe as one element of a path.
var component = regexp.MustCompile(`\A[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,199}\z`)

// IsName says whether a text can be the name of a model on a hub.
func IsName(name string) bool {
	return repoName.MatchString(name) && !strings.Contains(name, "--") && !strings.Contains(name, "..") && !strings.HasSuffix(name, ".git")
}

// SplitRevision takes NAME@REVISION apart; without a revision it is "".
func SplitRevision(name string) (model, revision string) {
	model, revision, _ = strings.Cut(name, "@")
	return model, revision
}

// checkRevision refuses what cannot be a branch, a tag or a commit, and what
// would lead outside of refs/.
func checkRevision(revision string) error {
	if revision == "" || len(revision) > 250 || strings.ContainsAny(revision, "\\:*?\"<>|\x00 ~^") || checkFile(revision) != nil {
		return fmt.Errorf("revision %q: not the name of a branch, a tag or a commit", revision)
	}
	return nil
}

// checkFile refuses the name of a file that would lie outside of the folder
// that it is put in, by the rules of any operating system.
func checkFile(name string) error {
	bad := name == "" || len(name) > 1000 || strings.ContainsAny(name, "\x00\\") || strings.HasPrefix(name, "/") || path.Clean(name) != name
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "." || part == ".." || len(part) > 1 && part[1] == ':'
	}
	if bad {
		return fmt.Errorf("file %q: its name leads outside of the model's folder", name)
	}
	return nil
}

// folder is the directory of a model below the cache.
func folder(name string) string { return "models--" + strings.ReplaceAll(name, "/", "--") }

// modelOf is the model whose folder has that name; "" for any other folder.
func modelOf(folder string) string {
	name, ok := strings.CutPrefix(folder, "models--")
	if !ok {
		return ""
	}
	name = strings.ReplaceAll(name, "--", "/")
	if !IsName(name) {
		return ""
	}
	return name
}
